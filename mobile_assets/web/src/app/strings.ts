/** Every English text of the app: a translation is another file of this shape. */

import type { FailureKind, Side } from "./engine";

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

export const strings = {
  app: "coindex",
  tagline: "Know a coin from a photo, without a network",
  skip: "Skip to the content",
  pages: { recognise: "Recognise", collection: "Collection", history: "History", catalogue: "Catalogue" },
  navigation: "Pages",
  close: "Close",
  cancel: "Cancel",
  delete: "Delete",
  sunlight: "Sunlight: high contrast",

  first: {
    title: "Take the catalogue with you",
    text: "Everything is fetched once. After that, coins are recognised on this device alone, in flight mode too.",
    runtime: "The program that runs the nets",
    models: "The two nets that find and know coins",
    catalogue: "The catalogue with its pictures",
    total: "Together",
    asking: "Asking the server what there is to fetch…",
    start: (size: string) => `Download ${size}`,
    startAnyway: "Download",
    keepOpen: "You may close the page: the next visit goes on from here.",
    privacy: "No account, no tracking. Your photos never leave this device.",
    notKept:
      "This browser does not keep the app: it opens only while the server is near. Mostly the server's certificate is not trusted; the page on the phone app in the documentation says how to trust it.",
    done: "The catalogue is on this device. You can switch the network off.",
  },

  steps: {
    runtime: "Fetching the program",
    check: "Asking the server",
    models: "Fetching the nets",
    catalogue: "Fetching the catalogue",
    reading: "Checking every byte",
  },

  camera: {
    title: "Recognise a coin",
    intro: "Lay the coin on something plain, from straight above, with light from the side.",
    start: "Use the camera",
    gallery: "Gallery",
    shutter: "Take the photo",
    both: "Both sides",
    drop: "or drop or paste one here",
    dropNow: "Let go: this photo will be looked at",
    looking: "Looking for a coin…",
    seen: (count: number) => plural(count, "coin in view", "coins in view"),
    live: "What the camera sees",
    secondSide: "Now the other side of the same coin",
    secondText: "Turn the coin over. Both photos together are answered with more certainty.",
    denied: "The camera is not allowed",
    deniedText:
      "The browser was told not to give this page the camera. Tap the lock beside the address, allow the camera, and load the page again. A photo from the gallery works without it.",
    none: "No camera found",
    noneText: "This device has no camera that the browser can use. Choose a photo instead.",
    busy: "The camera is in use",
    busyText: "Another app or page holds the camera. Close it and try once more, or choose a photo.",
    insecure: "The camera needs a secure address",
    insecureText: "Browsers give the camera only to pages at https:// or on this very machine. Choose a photo instead.",
    retry: "Try the camera again",
  },

  answer: {
    working: "Looking at the photo…",
    workingBoth: "Looking at both photos…",
    again: "Another coin",
    otherSide: "Other side",
    photo: "The photo, with the coins outlined",
    noCoin: "No coin found",
    noCoinText: "Go nearer, so that the coin fills a third of the photo, and lay it on something plain.",
    coins: (count: number) => plural(count, "coin found", "coins found"),
    choose: "Tap a coin to see what it is.",
    coin: (number: number, total: number) => `Coin ${number} of ${total}`,
    unknown: "Not in this catalogue",
    unknownText: "Nothing in the catalogue is near enough. These come nearest, but it is probably none of them.",
    nearest: "Nearest in the catalogue",
    candidates: "What it could be",
    others: "Or perhaps",
    together: "Both sides together",
    sideMissing: "One of the two photos shows no coin: the answer is from the other alone.",
    took: (seconds: string) => `Answered on this device in ${seconds} s`,
    similarity: (percent: number) => `${percent} % alike`,
    reference: (name: string) => `Reference picture of ${name}`,
    yours: "The coin in your photo",
    unnamed: "Coin",
  },

  sure: {
    very: "Very likely",
    rather: "Probably",
    perhaps: "Perhaps",
    guess: "Only a guess",
  },

  sides: { obverse: "obverse", reverse: "reverse", unknown: "side not told" } satisfies Record<Side, string>,

  history: {
    title: "History",
    empty: "Nothing here yet",
    emptyText: "What you have recognised is kept here, on this device alone.",
    deleteOne: (name: string) => `Delete ${name} from the history`,
    deleteAll: "Delete all",
    confirm: "Delete the whole history? Your collection stays.",
    deleted: "Deleted.",
    more: (count: number) => `and ${plural(count, "more coin", "more coins")}`,
    count: (count: number) => plural(count, "photo", "photos"),
  },

  collection: {
    title: "Collection",
    own: "I own this",
    owned: (count: number) => `In your collection: ${count}`,
    added: (name: string) => `${name} is in your collection.`,
    empty: "No coins yet",
    emptyText: "Recognise a coin and say “I own this”. The list is kept on this device alone.",
    count: "How many",
    fewer: (name: string) => `One fewer of ${name}`,
    moreOf: (name: string) => `One more of ${name}`,
    note: "Note",
    noteOf: (name: string) => `Note on ${name}`,
    notePlaceholder: "Year, grade, where it came from",
    remove: (name: string) => `Remove ${name}`,
    removeConfirm: (name: string) => `Remove ${name} from your collection?`,
    removed: (name: string) => `${name} is removed.`,
    csv: "Export as CSV",
    json: "Export as JSON",
    exported: (file: string) => `${file} is saved.`,
    summary: (kinds: number, pieces: number) => `${plural(kinds, "kind", "kinds")}, ${plural(pieces, "coin", "coins")}`,
    file: "coindex-collection",
  },

  catalogue: {
    title: "Catalogue",
    version: "Release",
    made: "Made",
    coins: "Coin sides",
    photos: "Reference photos",
    size: "On this device",
    checked: "Last checked",
    never: "never",
    fingerprint: "Signing root",
    fingerprintText: "Compare it with what the curator publishes. It was taken at the first visit and is kept since.",
    hash: "State hash",
    proofs: "To compare: root and state",
    sync: "Look for news",
    about: "Privacy",
    aboutText:
      "Recognition runs on this device. The only requests this app makes go to the server it came from, for the app and its catalogue. No account, no tracking, no other host.",
    data: "Your data",
    dataText:
      "History and collection are kept in this browser. Whoever clears the browser's data clears them: export your collection now and then.",
    wipe: "Delete everything on this device",
    wipeConfirm: "Delete catalogue, history and collection from this device?",
    install: "Install the app",
    installText: "It gets a place among your apps and opens without a network.",
  },

  sync: {
    current: "Up to date",
    checking: "Looking for news…",
    updating: (size: string) => `Updating ${size}`,
    offlineSince: (when: string) => `Offline since ${when}`,
    offline: "Offline",
    done: (size: string) => `Updated: ${size} fetched.`,
    nothing: "Nothing new.",
    refused: "Update refused",
    failed: "Not updated",
    full: "Storage is full",
    ready: "A new version of the app is ready.",
    restart: "Restart now",
    later: "Later",
  },

  failures: {
    offline: {
      title: "No network",
      text: "The server does not answer. What is on this device works on; news comes once there is a network.",
      first: "The first download needs the network. Come back to this page when there is one.",
    },
    refused: {
      title: "The update is refused",
      text: "What the server sends is not signed as it must be, is older than what is here, or has expired. The catalogue on this device works on. If this stays for a day, tell whoever runs the server.",
    },
    "no-release": {
      title: "Nothing is published yet",
      text: "The server has no catalogue so far. Come back when its curator has published one.",
    },
    "storage-full": {
      title: "The storage is full",
      text: "Nothing was lost: the former catalogue works on. Free some space on the device, or delete the history, and try again.",
    },
    storage: {
      title: "The storage fails",
      text: "The browser cannot keep files for this page. A private window allows none: open the app in an ordinary one.",
    },
    server: {
      title: "The server has trouble",
      text: "It answers with an error. What is on this device works on; try again later.",
    },
    photo: {
      title: "This photo cannot be read",
      text: "It may be damaged or of a kind that the browser does not know. JPEG, PNG and WebP work; save it as one of these.",
    },
    "no-catalogue": {
      title: "There is no catalogue on this device",
      text: "Fetch it first, on the page Catalogue.",
    },
    runtime: {
      title: "The nets do not start",
      text: "Close other pages and load this one again. If it stays so, the browser is too old: update it.",
    },
    busy: {
      title: "The app is open twice",
      text: "Another tab is using the catalogue. Close it, and try again.",
    },
  } satisfies Record<FailureKind, { title: string; text: string; first?: string }>,

  details: "Details",
  retry: "Try again",

  oldBrowser: {
    title: "This browser is too old",
    text: "coindex needs a browser of 2025 or later: Chrome or Edge 137, Firefox 130, Safari 17 or newer. Update the browser and come back.",
    lacks: (names: string) => `Missing here: ${names}.`,
    insecure:
      "This address is not secure, so the browser hides what the app needs. Open it at https:// or on the machine that serves it.",
  },

  bytes: (value: number): string => {
    if (value < 1000) return `${value} B`;
    if (value < 1_000_000) return `${Math.round(value / 1000)} kB`;
    return `${(value / 1_000_000).toFixed(1)} MB`;
  },
  /** Short, for a place with little room: the hour of today, the day of any other. */
  since: (time: number): string =>
    new Intl.DateTimeFormat(
      "en-GB",
      new Date(time).toDateString() === new Date().toDateString() ? { timeStyle: "short" } : { dateStyle: "medium" },
    ).format(time),
  when: (time: number): string =>
    new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" }).format(time),
} as const;
