import { expect, test } from "vitest";
import type { JointAnswer } from "../../src/app/engine";
import { labelledPhotos, proposal } from "../../src/app/offer";
import type { Correction, Labelled } from "../../src/app/own";
import { sameSide } from "../../src/app/pages/answer";
import { unzipped } from "../../src/app/zip";

async function contents(archive: Blob): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, content } of await unzipped(archive)) found[name] = await (await content()).text();
  return found;
}

const photo = (text: string) => ({ file: new Blob([text]), picture: null, encoded: null });

test("a proposal is proposal.json of format 1, and the photos that it names", async () => {
  const coin = {
    id: 3,
    name: "Token",
    country: "Poland",
    note: "from a fair",
    added: 0,
    photos: [photo("a"), photo("b")],
  };
  const files = await contents(await proposal(coin));
  expect(JSON.parse(files["proposal.json"]!)).toEqual({
    format: 1,
    name: "Token",
    note: "from a fair",
    fields: { country: "Poland" },
    photos: ["1.jpg", "2.jpg"],
    app: "coindex-web",
  });
  expect([files["1.jpg"], files["2.jpg"]]).toEqual(["a", "b"]);
});

test("corrected photos are labelled data; those of no coin of the catalogue lie beside it", async () => {
  const right: Labelled = {
    classId: 4,
    name: "crown",
    country: 'Land of "x", y',
    currency: "crown",
    denomination: "1",
    variant: "",
    side: "reverse",
  };
  const common = { at: 0, file: new Blob(["pixels"]), answered: null, version: 2 };
  const corrections: Correction[] = [
    { ...common, id: 7, right },
    { ...common, id: 8, right: null },
  ];
  const files = await contents(await labelledPhotos(corrections));
  expect(files["manifest.csv"]!.split("\r\n")).toEqual([
    "file,country,currency,denomination,variant,side,year,specimen,design,split",
    '7.jpg,"Land of ""x"", y",crown,1,,reverse,,app-7,,',
    "",
  ]);
  expect(Object.keys(files)).toEqual(["manifest.csv", "corrections.json", "7.jpg", "not-in-catalogue/8.jpg"]);
  const told = JSON.parse(files["corrections.json"]!).corrections;
  expect(told.map(({ file, right: is }: { file: string; right: unknown }) => [file, is !== null])).toEqual([
    ["7.jpg", true],
    ["not-in-catalogue/8.jpg", false],
  ]);
});

test("two photos of one side are noticed where it is known which", () => {
  const answer = (sides: string[], known = true, pictures: (Blob | null)[] = [new Blob(), new Blob()]) =>
    ({ known, pictures, candidates: [{ sides: sides.map((side) => ({ side })) }] }) as unknown as JointAnswer;
  expect(sameSide(answer(["reverse", "reverse"]))).toBe("reverse");
  expect(sameSide(answer(["obverse", "reverse"]))).toBeNull();
  expect(sameSide(answer(["unknown", "unknown"]))).toBeNull();
  expect(sameSide(answer(["reverse", "reverse"], false))).toBeNull();
  expect(sameSide(answer(["reverse"], true, [new Blob(), null]))).toBeNull();
});
