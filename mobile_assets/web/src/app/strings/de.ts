/** Every German text of the app. */

import type { Formats } from "./formats";
import type { Strings } from "./index";

export const de = ({ number, plural }: Formats): Strings => ({
  app: "coindex",
  tagline: "Münzen auf Fotos erkennen, ohne Netz",
  skip: "Zum Inhalt springen",
  pages: {
    recognise: "Erkennen",
    collection: "Sammlung",
    history: "Verlauf",
    catalogue: "Katalog",
    settings: "Einstellungen",
    own: "Ihre eigenen Münzen",
  },
  navigation: "Seiten",
  close: "Schließen",
  cancel: "Abbrechen",
  delete: "Löschen",
  sunlight: "Sonnenlicht: hoher Kontrast",

  first: {
    title: "Katalog herunterladen",
    text: "Sie laden alles einmal herunter. Danach erkennt dieses Gerät Münzen selbst, auch im Flugmodus.",
    recogniser: "Erkennung",
    catalogue: "Münzliste mit Bildern",
    sample: "Eine Beispielantwort, ohne Netz:",
    total: "Insgesamt",
    asking: "Frage den Server, was heruntergeladen werden muss …",
    start: (size: string) => `${size} herunterladen`,
    startAnyway: "Herunterladen",
    keepOpen: "Sie können die Seite schließen. Beim nächsten Besuch geht es hier weiter.",
    privacy: "Kein Konto, kein Tracking. Ihre Fotos bleiben auf diesem Gerät, solange Sie keines selbst senden.",
    notKept:
      "Dieser Browser kann die App nicht speichern. Sie öffnet sich daher nur, solange der Server erreichbar ist. Meist liegt das daran, dass der Browser dem Zertifikat des Servers nicht vertraut. Die Dokumentation der Handy-App erklärt, wie Sie das ändern.",
    done: "Der Katalog ist auf diesem Gerät. Sie können das Netz ausschalten.",
  },

  steps: {
    runtime: "Lade die Erkennung herunter",
    check: "Frage den Server",
    models: "Lade die Modelle herunter",
    catalogue: "Lade den Katalog herunter",
    reading: "Prüfe jedes Byte",
  },

  camera: {
    title: "Eine Münze erkennen",
    intro:
      "Legen Sie die Münze auf einen einfarbigen Untergrund. Fotografieren Sie sie senkrecht von oben, mit Licht von der Seite.",
    start: "Kamera verwenden",
    gallery: "Galerie",
    shutter: "Foto aufnehmen",
    both: "Beide Seiten",
    drop: "oder ziehen Sie ein Foto hierher oder fügen Sie es ein",
    dropNow: "Das Foto hier ablegen",
    looking: "Suche nach einer Münze …",
    seen: (count: number) => plural(count, { one: "Münze im Bild", other: "Münzen im Bild" }),
    live: "Bild der Kamera",
    secondSide: "Jetzt die andere Seite derselben Münze",
    secondText: "Drehen Sie die Münze um. Mit zwei Fotos ist die Antwort sicherer.",
    denied: "Die Kamera ist nicht erlaubt",
    deniedText:
      "Der Browser gibt die Kamera für diese Seite nicht frei. Tippen Sie auf das Schloss neben der Adresse, erlauben Sie die Kamera und laden Sie die Seite neu. Ein Foto aus der Galerie können Sie auch ohne Kamera verwenden.",
    none: "Keine Kamera gefunden",
    noneText: "Dieses Gerät hat keine Kamera, die der Browser verwenden kann. Wählen Sie stattdessen ein Foto.",
    busy: "Die Kamera ist belegt",
    busyText:
      "Eine andere App oder Seite verwendet die Kamera. Schließen Sie diese und versuchen Sie es noch einmal, oder wählen Sie ein Foto.",
    insecure: "Die Kamera braucht eine sichere Adresse",
    insecureText:
      "Browser erlauben die Kamera nur auf Seiten mit https:// oder auf diesem Rechner. Wählen Sie stattdessen ein Foto.",
    retry: "Kamera noch einmal versuchen",
  },

  answer: {
    named: (named: number, all: number) =>
      `${number(named)} von ${plural(all, { one: "Münze", other: "Münzen" })} benannt`,
    found: (count: number) => `${plural(count, { one: "Münze", other: "Münzen" })} gefunden. Suche die Namen …`,
    actions: "Aktionen zur Antwort",
    ownAll: "Ich habe alle",
    ownedAll: (count: number) => `${plural(count, { one: "Münze ist", other: "Münzen sind" })} in Ihrer Sammlung.`,
    totals: "Nach Sorte",
    details: (place: number) => `Einzelheiten zu Münze ${place}`,
    working: "Untersuche das Foto …",
    workingBoth: "Untersuche beide Fotos …",
    again: "Nächste Münze",
    otherSide: "Andere Seite",
    photo: "Das Foto mit den Umrissen der Münzen",
    noCoin: "Keine Münze gefunden",
    noCoinText:
      "Gehen Sie näher heran, bis die Münze ein Drittel des Fotos füllt, und legen Sie sie auf einen einfarbigen Untergrund.",
    coins: (count: number) => plural(count, { one: "Münze gefunden", other: "Münzen gefunden" }),
    choose: "Tippen Sie auf eine Münze, um zu sehen, was sie ist.",
    coin: (place: number, total: number) => `Münze ${place} von ${total}`,
    unknown: "Nicht in diesem Katalog",
    unknownText:
      "Nichts im Katalog ist ähnlich genug. Diese Münzen sind am ähnlichsten, aber wahrscheinlich ist es keine davon.",
    nearest: "Die ähnlichsten im Katalog",
    candidates: "Mögliche Münzen",
    others: "Oder vielleicht",
    together: "Beide Seiten zusammen",
    sideMissing: "Eines der beiden Fotos zeigt keine Münze. Die Antwort stammt vom anderen.",
    took: (seconds: string) => `In ${seconds} s auf diesem Gerät beantwortet`,
    similarity: (percent: number) => `zu ${percent} % ähnlich`,
    relief: (percent: number) => `Relief zu ${percent} % ähnlich`,
    reference: (name: string) => `Vergleichsbild von ${name}`,
    yours: "Die Münze auf Ihrem Foto",
    unnamed: "Münze",
    series: "Serie sicher, Münze unsicher",
    seriesOf: (design: string) => `Eine Münze der Serie „${design}“`,
    seriesText: (count: number) =>
      `Es ist eine von ${count} Münzen mit diesem Bild. Das Foto zeigt nicht deutlich, welche.`,
    ofSeries: "Münzen dieser Serie",
    codesAlone: "Das Relief wurde nicht verglichen: Dieses Gerät hat für diese Münzen keine Reliefkarten.",
  },

  guide: {
    lighter: "Bitte mehr Licht",
    darker: "Zu hell: vom Licht wegdrehen",
    nearer: "Näher herangehen",
    back: "Die Münze ist abgeschnitten: etwas zurückgehen",
    above: "Das Handy senkrecht über die Münze halten",
  },

  photos: {
    title: (count: number) => plural(count, { one: "Foto", other: "Fotos" }),
    text: "Zeigen diese Fotos beide Seiten einer Münze oder zwei Münzen?",
    manyText: "Sie werden nacheinander erkannt.",
    together: "Beide Seiten einer Münze",
    inTurn: "Nacheinander",
    next: (left: number) => `Nächstes Foto (noch ${number(left)})`,
  },

  sameSide: {
    obverse: "Beide Fotos zeigen die Vorderseite",
    reverse: "Beide Fotos zeigen die Rückseite",
    text: "Drehen Sie die Münze um. Mit beiden Seiten ist die Antwort sicherer.",
    again: "Andere Seite fotografieren",
  },

  narrow: {
    all: "Alle Länder",
    only: (country: string) => `Nur ${country}`,
    title: "Münzen erkennen aus",
    search: "Land suchen",
    whole: "Im ganzen Katalog suchen",
    answered: (country: string) => `Nur Münzen aus diesem Land wurden verglichen: ${country}.`,
  },

  correct: {
    wrong: "Stimmt nicht?",
    know: "Ich weiß, was es ist",
    title: "Welche Münze ist es?",
    search: "Im Katalog suchen",
    near: "Die ähnlichsten Münzen.",
    found: (count: number) => `${plural(count, { one: "Münzseite", other: "Münzseiten" })} gefunden.`,
    more: (count: number) => `Und ${number(count)} weitere. Fügen Sie ein Wort hinzu.`,
    nothing: "Im Katalog gibt es nichts mit diesen Wörtern.",
    none: "Keine von diesen",
    yours: "Ihre Antwort",
    before: "Antwort der App",
    kept: (name: string) => `Gespeichert: Es ist ${name}.`,
    keptNone: "Gespeichert: Es ist keine Münze aus dem Katalog.",
    photos: (count: number) => plural(count, { one: "korrigiertes Foto", other: "korrigierte Fotos" }),
    photosText:
      "Fotos, die Sie korrigiert haben, mit der richtigen Antwort. Nichts wird gesendet. Speichern Sie sie als Datei und geben Sie diese dem Kurator.",
    save: "Für den Kurator speichern",
    deleteAll: "Diese Fotos löschen",
    deleteConfirm: "Die korrigierten Fotos löschen? Ihre Korrekturen in Verlauf und Sammlung bleiben.",
  },

  own: {
    pageText:
      "Münzen, die nicht im Katalog sind. Dieses Gerät erkennt auch sie. Der signierte Katalog ändert sich nicht.",
    empty: "Noch keine eigenen Münzen",
    emptyText:
      "Wenn eine Münze nicht im Katalog ist, tippen Sie auf „Diese Münze merken“. Von da an erkennt dieses Gerät sie.",
    keep: "Diese Münze merken",
    keepText: "Diese Münze ist nicht im Katalog. Merken Sie sie, dann erkennt dieses Gerät sie von da an.",
    title: "Diese Münze merken",
    text: "Geben Sie ihr einen Namen und fotografieren Sie auch die andere Seite. Sie bleibt auf diesem Gerät.",
    photo: (place: number) => `Foto ${place} Ihrer Münze`,
    otherSide: "Andere Seite",
    addPhoto: "Foto hinzufügen",
    name: "Name",
    nameMissing: "Geben Sie der Münze einen Namen.",
    country: "Land, wenn Sie es wissen",
    note: "Notiz",
    save: "Merken",
    kept: (name: string) => `${name} wird ab jetzt erkannt.`,
    mark: "Ihre eigene Münze",
    blank: "Keine Münze auf diesem Foto gefunden",
    since: (day: string) => `Gemerkt seit ${day}`,
    offer: "Als Datei anbieten",
    remove: (name: string) => `${name} löschen`,
    removed: (name: string) => `${name} wurde gelöscht.`,
  },

  sending: {
    send: "An den Kurator senden",
    title: "Diese Münze an den Kurator senden?",
    consent: (host: string) =>
      `Die Münze verlässt Ihr Gerät und geht an ${host}. Der Kurator kann sie in den Katalog aufnehmen, den alle herunterladen können. Sie können das hier nicht rückgängig machen.`,
    bare: "Von den Fotos werden nur die Bildpunkte gesendet, ohne Ort, Zeit und Kamera.",
    agree: "Senden",
    going: "Wird gesendet …",
    sent: (name: string) => `${name} wurde an den Kurator gesendet.`,
    waiting: (day: string) => `Gesendet am ${day}. Der Kurator hat noch nicht entschieden.`,
    accepted: (day: string) => `Am ${day} gesendet und angenommen. Die Münze kommt mit einer späteren Ausgabe.`,
    rejected: (day: string) => `Am ${day} gesendet und nicht angenommen.`,
    word: (text: string) => `Der Kurator schreibt: ${text}`,
    failed: "Nicht gesendet",
    later: (minutes: number) =>
      `Versuchen Sie es in ${plural(minutes, { one: "Minute", other: "Minuten" })} noch einmal.`,
    troubles: {
      offline:
        "Der Server antwortet nicht. Nichts ist verloren. Versuchen Sie es noch einmal, sobald Sie ein Netz haben.",
      closed:
        "Der Server nimmt keine Vorschläge mehr an. „Als Datei anbieten“ speichert eine Datei, die Sie dem Kurator geben können.",
      refused:
        "Der Server konnte die Münze nicht lesen. Löschen Sie Fotos ohne Münze und versuchen Sie es noch einmal.",
      "too-large": "Die Fotos sind zusammen zu groß. Senden Sie weniger davon.",
      "too-many": "Aus Ihrem Netz kamen innerhalb einer Stunde viele Münzen.",
      full: "Beim Kurator warten schon zu viele Münzen. Versuchen Sie es in einigen Tagen noch einmal, oder wählen Sie „Als Datei anbieten“.",
      server:
        "Der Server meldet einen Fehler. Versuchen Sie es später noch einmal, oder wählen Sie „Als Datei anbieten“.",
    },
  },

  share: {
    action: "Teilen",
    file: "coindex-antwort.png",
    foot: "Erkannt mit coindex, ohne Netz",
  },

  comparison: {
    of: (name: string) => `Verglichen mit ${name}`,
    compare: (name: string) => `Mit ${name} vergleichen`,
    agree: (percent: number) => `Das Relief stimmt auf ${percent} % der Münze überein.`,
    nowhere: "Kein Teil weicht deutlich ab.",
    differ: {
      right: "Rechts weicht es am meisten ab.",
      "lower-right": "Unten rechts weicht es am meisten ab.",
      bottom: "Unten weicht es am meisten ab.",
      "lower-left": "Unten links weicht es am meisten ab.",
      left: "Links weicht es am meisten ab.",
      "upper-left": "Oben links weicht es am meisten ab.",
      top: "Oben weicht es am meisten ab.",
      "upper-right": "Oben rechts weicht es am meisten ab.",
      middle: "In der Mitte weicht es am meisten ab.",
    },
    turned: (degrees: number) =>
      degrees === 0
        ? "Beide sind gleich ausgerichtet."
        : `Das Vergleichsbild ist um ${degrees}° gedreht, damit beide gleich ausgerichtet sind.`,
    show: "Auf den Münzen zeigen",
    agrees: "stimmt überein",
    differs: "weicht ab",
  },

  sure: {
    very: "Sehr wahrscheinlich",
    rather: "Wahrscheinlich",
    perhaps: "Vielleicht",
    guess: "Nur geraten",
  },

  sides: { obverse: "Vorderseite", reverse: "Rückseite", unknown: "Seite unbekannt" },

  history: {
    title: "Verlauf",
    noAnswer: "Die ganze Antwort zu diesem Foto wurde nicht gespeichert.",
    empty: "Noch nichts hier",
    emptyText: "Hier erscheinen die Münzen, die Sie erkennen. Sie bleiben auf diesem Gerät.",
    deleteOne: (name: string) => `${name} aus dem Verlauf löschen`,
    deleteAll: "Alles löschen",
    confirm: "Den ganzen Verlauf löschen? Ihre Sammlung bleibt.",
    deleted: "Gelöscht.",
    more: (count: number) => `und ${plural(count, { one: "weitere Münze", other: "weitere Münzen" })}`,
    count: (count: number) => plural(count, { one: "Foto", other: "Fotos" }),
  },

  collection: {
    title: "Sammlung",
    own: "Die habe ich",
    owned: (count: number) => `In Ihrer Sammlung: ${number(count)}`,
    added: (name: string) => `${name} ist in Ihrer Sammlung.`,
    empty: "Noch keine Münzen",
    emptyText: "Erkennen Sie eine Münze und tippen Sie auf „Die habe ich“. Die Liste bleibt auf diesem Gerät.",
    choose: "Wählen Sie eine Münze, um ihre Stücke zu sehen.",
    count: "Anzahl",
    fewer: (name: string) => `Eine weniger von ${name}`,
    moreOf: (name: string) => `Eine mehr von ${name}`,
    removed: (name: string) => `Ein Stück ${name} wurde entfernt.`,
    summary: (kinds: number, pieces: number) =>
      `${plural(kinds, { one: "Sorte", other: "Sorten" })}, ${plural(pieces, { one: "Münze", other: "Münzen" })}`,
    search: "In der Sammlung suchen",
    order: "Sortieren nach",
    orders: { latest: "Zuletzt hinzugefügt", name: "Name", country: "Land", year: "Jahr", most: "Anzahl" },
    lists: { all: "Alle", own: "Habe ich", swap: "Zum Tauschen", wish: "Gesucht" },
    fields: {
      list: "Liste",
      year: "Jahr",
      mintMark: "Münzzeichen",
      grade: "Erhaltung",
      price: "Bezahlt",
      acquired: "Gekauft am",
      note: "Notiz",
    },
    piece: (place: number, total: number) => `Stück ${place} von ${total}`,
    addPiece: "Noch ein Stück",
    removePiece: (place: number) => `Stück ${place} entfernen`,
    photo: "Foto dieses Stücks",
    photoOf: (name: string) => `Ihr Foto von ${name}`,
    gone: "Diese Münze ist nicht im Katalog auf diesem Gerät. Ihre Sammlung behält den Namen.",
    inCatalogue: "Im Katalog",
    wish: "Die suche ich",
    wished: (name: string) => `${name} steht bei den gesuchten Münzen.`,
    files: "Sichern, wiederherstellen, Tabelle",
    filesText:
      "„Alles sichern“ speichert eine Datei mit allen Stücken und Bildern. „Wiederherstellen“ liest sie auf jedem Gerät und fügt den Inhalt zur Sammlung dort hinzu.",
    backup: "Alles sichern",
    restore: "Wiederherstellen",
    csv: "Als CSV exportieren",
    importCsv: "CSV importieren",
    exported: (file: string) => `${file} wurde gespeichert.`,
    restored: (pieces: number, known: number) =>
      `${plural(pieces, { one: "Stück ist", other: "Stücke sind" })} in der Sammlung; der Katalog auf diesem Gerät hat ${number(known)} davon.`,
    refused: {
      foreign: {
        title: "Das ist keine coindex-Sammlung",
        text: "Wählen Sie die ZIP-Datei, die „Alles sichern“ gespeichert hat.",
      },
      newer: {
        title: "Diese Datei stammt von einer neueren App",
        text: "Aktualisieren Sie die App hier und stellen Sie die Datei dann wieder her. Nichts wurde geändert.",
      },
      damaged: {
        title: "Diese Datei ist beschädigt",
        text: "Kopieren Sie sie noch einmal von ihrem Speicherort. Nichts wurde geändert.",
      },
      table: {
        title: "Diese Tabelle enthält keine Münzen",
        text: (found: string) =>
          `Die erste Zeile muss die Namen der Spalten enthalten, darunter „Name“ oder „Wert“. Gefunden: ${found}. Nichts wurde geändert.`,
      },
    },
    file: "coindex-sammlung",
  },

  catalogue: {
    title: "Katalog",
    search: "Nach Name, Land, Jahr … suchen",
    choose: "Wählen Sie eine Münze, um sie zu sehen.",
    countries: "Länder",
    kinds: (count: number) => plural(count, { one: "Münze", other: "Münzen" }),
    photos: (count: number) => plural(count, { one: "Vergleichsfoto", other: "Vergleichsfotos" }),
    found: (count: number) => plural(count, { one: "Münze gefunden", other: "Münzen gefunden" }),
    all: "Alle",
    noPicture: "kein Bild",
    back: "Alle Länder",
  },

  packs: {
    title: "Pakete",
    text: "Der Katalog ist in Pakete geteilt. Wählen Sie die Pakete, die Sie brauchen. Weitere können Sie später hinzufügen.",
    some: (taken: number, all: number) =>
      `${number(taken)} von ${plural(all, { one: "Paket", other: "Paketen" })} gewählt`,
    none: "Wählen Sie mindestens ein Paket.",
    take: "Diese Pakete herunterladen",
    takeMore: (size: string) => `Diese Pakete herunterladen (${size})`,
    taken: (size: string) => `Ihre Pakete sind auf diesem Gerät: ${size} heruntergeladen.`,
    inPack: (pack: string, size: string) => `im Paket ${pack}, ${size}`,
    elsewhere: (packs: string) => `Vielleicht ist die Münze in einem Paket, das nicht auf diesem Gerät ist: ${packs}.`,
    choose: "Pakete wählen",
  },

  facts: {
    years: "Jahre",
    mint: "Prägestätte",
    ruler: "Herrscher",
    metal: "Metall",
    weight: "Gewicht",
    diameter: "Durchmesser",
    edge: "Rand",
    mintage: "Auflage",
    km: "Krause (KM)",
    numista: "Numista",
    links: "Mehr",
    photos: "Fotos",
    grams: (value: string) => `${value} g`,
    millimetres: (value: string) => `${value} mm`,
  },

  settings: {
    title: "Einstellungen",
    fromFile: "Aus einer Datei",
    language: "Sprache",
    byBrowser: "Wie der Browser",
    news: "Katalog auf diesem Gerät",
    version: "Ausgabe",
    made: "Erstellt",
    coins: "Münzseiten",
    photos: "Vergleichsfotos",
    size: "Auf diesem Gerät",
    checked: "Zuletzt geprüft",
    never: "nie",
    fingerprint: "Fingerabdruck der Signatur",
    fingerprintText:
      "Vergleichen Sie ihn mit dem, den der Kurator veröffentlicht. Dieses Gerät vertraut ihm seit dem ersten Besuch.",
    hash: "Prüfsumme des Katalogs",
    proofs: "Zum Vergleichen: Signatur und Katalog",
    sync: "Nach Updates suchen",
    about: "Datenschutz",
    aboutText:
      "Die Erkennung läuft auf diesem Gerät. Die App verbindet sich nur mit dem Server, von dem sie stammt: für die App, für den Katalog und für Münzen, die Sie selbst an den Kurator senden. Kein Konto, kein Tracking, kein anderer Server.",
    data: "Ihre Daten",
    dataText:
      "Verlauf und Sammlung sind in diesem Browser gespeichert. Wenn Sie die Browserdaten löschen, gehen sie verloren. Sichern Sie Ihre Sammlung daher ab und zu.",
    history: (count: number, used: string, most: string) =>
      `Verlauf: ${plural(count, { one: "Antwort", other: "Antworten" })}, ${used} von höchstens ${most}. Die ältesten Fotos machen Platz für neue; ihre Namen bleiben.`,
    promised: "Der Browser hat zugesagt, Ihre Daten zu behalten, bis Sie sie selbst löschen.",
    notPromised:
      "Der Browser kann Ihre Daten löschen, wenn der Speicherplatz des Geräts knapp wird. Sichern Sie Ihre Sammlung ab und zu und legen Sie die App auf den Startbildschirm.",
    promise: "Den Browser bitten, sie zu behalten",
    home: "Safari löscht die Daten einer Website nach sieben Tagen ohne Besuch. Tippen Sie auf „Teilen“, dann „Zum Home-Bildschirm“: Die App dort behält ihre Daten.",
    wipe: "Alles auf diesem Gerät löschen",
    wipeConfirm: "Katalog, Verlauf und Sammlung von diesem Gerät löschen?",
  },

  room: {
    needed: (size: string) => `Nötig: ${size}.`,
    free: (size: string) => `Frei für diese Seite: ${size}.`,
    used: (size: string) => `Belegt: ${size}.`,
  },

  sync: {
    current: "Aktuell",
    checking: "Suche nach Updates …",
    updating: (size: string) => `Lade ${size} herunter`,
    offlineSince: (when: string) => `Offline seit ${when}`,
    offline: "Offline",
    done: (size: string) => `Aktualisiert: ${size} heruntergeladen.`,
    nothing: "Nichts Neues.",
    refused: "Update abgelehnt",
    failed: "Nicht aktualisiert",
    full: "Speicher voll",
    ready: "Eine neue Version der App ist bereit.",
    restart: "Jetzt neu starten",
    later: "Später",
  },

  failures: {
    offline: {
      title: "Kein Netz",
      text: "Der Server antwortet nicht. Der Katalog auf diesem Gerät funktioniert weiter. Updates kommen, sobald Sie ein Netz haben.",
      first: "Der erste Download braucht ein Netz. Kommen Sie wieder, wenn Sie eines haben.",
    },
    refused: {
      title: "Das Update wurde abgelehnt",
      text: "Die Ausgabe des Servers ist nicht richtig signiert, älter als die auf diesem Gerät oder abgelaufen. Der Katalog auf diesem Gerät funktioniert weiter. Wenn das einen Tag lang so bleibt, informieren Sie den Betreiber des Servers.",
    },
    "no-release": {
      title: "Noch nichts veröffentlicht",
      text: "Der Server hat noch keinen Katalog. Kommen Sie wieder, wenn der Kurator einen veröffentlicht hat.",
    },
    "storage-full": {
      title: "Der Speicher ist voll",
      text: "Nichts ist verloren: Der bisherige Katalog funktioniert weiter. Schaffen Sie Platz auf dem Gerät oder löschen Sie den Verlauf, und versuchen Sie es noch einmal.",
    },
    storage: {
      title: "Der Browser kann keine Dateien speichern",
      text: "Ein privates Fenster speichert keine Dateien. Öffnen Sie die App in einem normalen Fenster.",
    },
    server: {
      title: "Der Server meldet einen Fehler",
      text: "Der Katalog auf diesem Gerät funktioniert weiter. Versuchen Sie es später noch einmal.",
    },
    photo: {
      title: "Dieses Foto ist nicht lesbar",
      text: "Es ist vielleicht beschädigt oder hat ein Format, das der Browser nicht kennt. Speichern Sie es als JPEG, PNG oder WebP.",
    },
    "no-catalogue": {
      title: "Auf diesem Gerät ist kein Katalog",
      text: "Laden Sie ihn zuerst herunter, auf der Seite Einstellungen.",
    },
    runtime: {
      title: "Die Erkennung startet nicht",
      text: "Schließen Sie andere Seiten und laden Sie diese neu. Wenn das nicht hilft, aktualisieren Sie den Browser.",
    },
    "pack-ended": {
      title: "Eines Ihrer Pakete ist nicht verfügbar",
      text: "Die Pakete des Katalogs haben sich geändert, oder die Datei hat andere Pakete als dieses Gerät. Wählen Sie Ihre Pakete in den Einstellungen. Bis dahin funktioniert der Katalog hier weiter.",
    },
    busy: {
      title: "Die App ist zweimal offen",
      text: "Ein anderer Tab verwendet den Katalog. Schließen Sie ihn und versuchen Sie es noch einmal.",
    },
  },

  details: "Einzelheiten",
  undo: "Rückgängig",
  kept: "Gesichert.",
  nothing: "Nichts gefunden",
  nothingText: "Versuchen Sie weniger oder andere Wörter. Akzente und Großschreibung spielen keine Rolle.",
  retry: "Noch einmal versuchen",

  oldBrowser: {
    title: "Dieser Browser ist zu alt",
    text: "coindex braucht einen Browser von 2025 oder später: Chrome oder Edge 137, Firefox 130, Safari 17 oder neuer. Aktualisieren Sie den Browser und kommen Sie wieder.",
    lacks: (names: string) => `Es fehlt: ${names}.`,
    insecure:
      "Diese Adresse ist nicht sicher, deshalb sperrt der Browser Funktionen, die die App braucht. Öffnen Sie sie mit https:// oder auf dem Rechner, auf dem der Server läuft.",
  },
});
