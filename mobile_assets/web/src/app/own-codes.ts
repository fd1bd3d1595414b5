/** Codes and maps of one's own coins, made by the nets that are here now. */

import { type EncodedCoin, encodePhoto } from "../recognizer/encoding";
import { PhotoError } from "../recognizer/errors";
import type { ModelIndex, Models } from "../recognizer/models";
import { loadPhoto } from "../recognizer/photo";
import { referenceMap } from "../recognizer/relief";
import type { Own, OwnEntry, OwnPhoto } from "./own";
import { portrait } from "./pictures";

/** One's own coins, once the codes of photos that nets of another space saw last are made again and kept. */
export async function encodedAnew(database: Own, models: Models): Promise<OwnEntry[]> {
  for (const { id, photos } of await database.coins()) {
    const made: OwnPhoto[] = [];
    for (const photo of photos) made.push(isOf(photo, models.index) ? photo : await encodedBy(models, photo));
    if (made.every((photo, place) => photo === photos[place])) continue;
    // Photos may have come or gone meanwhile: each is known by its file's place and size.
    await database.change(id, (coin) => ({
      ...coin,
      photos: coin.photos.map((photo, place) =>
        photo.file.size === photos[place]?.file.size ? { ...made[place]!, file: photo.file } : photo,
      ),
    }));
  }
  return database.coins();
}

function isOf({ encoded }: OwnPhoto, { spaceId, relief }: ModelIndex): boolean {
  return encoded?.spaceId === spaceId && encoded.reliefId === (relief?.reliefId ?? null);
}

async function encodedBy(models: Models, { file }: OwnPhoto): Promise<OwnPhoto> {
  const { spaceId, relief } = models.index;
  const coin = await largestCoin(file, models);
  const [code, map] = [coin?.code ?? null, coin?.relief ? referenceMap(coin.relief) : null];
  return {
    file,
    picture: coin ? await portrait(coin.found) : null,
    encoded: { spaceId, reliefId: relief?.reliefId ?? null, code, map },
  };
}

/** The largest coin of a photo that was kept; null where it shows none, and where it cannot be read any more. */
async function largestCoin(file: Blob, models: Models): Promise<EncodedCoin | null> {
  try {
    const photo = await loadPhoto(new Uint8Array(await file.arrayBuffer()));
    return (await encodePhoto(photo, models, true)).coins[0] ?? null;
  } catch (error) {
    if (error instanceof PhotoError) return null;
    throw error;
  }
}
