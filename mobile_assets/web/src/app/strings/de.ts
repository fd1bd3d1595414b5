/** Every German text of the app. */

import type { Formats } from "./formats";
import type { Strings } from "./index";

export const de = ({ number, plural }: Formats): Strings => ({
  app: "coindex",
  tagline: "Eine Münze am Foto erkennen, ohne Netz",
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
    title: "Den Katalog mitnehmen",
    text: "Alles wird einmal geladen. Danach erkennt dieses Gerät Münzen allein, auch im Flugmodus.",
    recogniser: "Erkennung",
    catalogue: "Münzliste mit Bildern",
    sample: "So antwortet sie, ohne Netz:",
    total: "Zusammen",
    asking: "Der Server wird gefragt, was zu laden ist …",
    start: (size: string) => `${size} laden`,
    startAnyway: "Laden",
    keepOpen: "Sie können die Seite schließen: Der nächste Besuch macht hier weiter.",
    privacy: "Kein Konto, keine Verfolgung. Ihre Fotos bleiben auf diesem Gerät, außer Sie senden selbst eines.",
    notKept:
      "Dieser Browser bewahrt die App nicht auf: Sie öffnet sich nur, solange der Server erreichbar ist. Meist liegt es daran, dass dem Zertifikat des Servers nicht vertraut wird; die Dokumentation sagt auf der Seite zur Handy-App, wie man ihm vertraut.",
    done: "Der Katalog ist auf diesem Gerät. Sie können das Netz ausschalten.",
  },

  steps: {
    runtime: "Das Programm wird geladen",
    check: "Der Server wird gefragt",
    models: "Die Modelle werden geladen",
    catalogue: "Der Katalog wird geladen",
    reading: "Jedes Byte wird geprüft",
  },

  camera: {
    title: "Eine Münze erkennen",
    intro: "Legen Sie die Münze auf etwas Einfarbiges; von gerade oben, mit Licht von der Seite.",
    start: "Kamera benutzen",
    gallery: "Galerie",
    shutter: "Foto aufnehmen",
    both: "Beide Seiten",
    drop: "oder ein Foto hierher ziehen oder einfügen",
    dropNow: "Das Foto hier ablegen",
    looking: "Suche nach einer Münze …",
    seen: (count: number) => plural(count, { one: "Münze im Bild", other: "Münzen im Bild" }),
    live: "Was die Kamera sieht",
    secondSide: "Jetzt die andere Seite derselben Münze",
    secondText: "Drehen Sie die Münze um. Beide Fotos zusammen geben eine sicherere Antwort.",
    denied: "Die Kamera ist nicht erlaubt",
    deniedText:
      "Der Browser gibt dieser Seite die Kamera nicht. Tippen Sie auf das Schloss neben der Adresse, erlauben Sie die Kamera und laden Sie die Seite neu. Ein Foto aus der Galerie geht auch ohne sie.",
    none: "Keine Kamera gefunden",
    noneText: "Dieses Gerät hat keine Kamera, die der Browser benutzen kann. Wählen Sie ein Foto.",
    busy: "Die Kamera ist belegt",
    busyText:
      "Eine andere App oder Seite benutzt die Kamera. Schließen Sie sie und versuchen Sie es noch einmal, oder wählen Sie ein Foto.",
    insecure: "Die Kamera braucht eine sichere Adresse",
    insecureText:
      "Browser geben die Kamera nur Seiten mit https:// oder auf dem eigenen Rechner. Wählen Sie stattdessen ein Foto.",
    retry: "Kamera noch einmal versuchen",
  },

  answer: {
    named: (named: number, all: number) =>
      `${number(named)} von ${plural(all, { one: "Münze", other: "Münzen" })} benannt`,
    found: (count: number) => `${plural(count, { one: "Münze", other: "Münzen" })} gefunden. Sie werden benannt …`,
    actions: "Was mit der Antwort geschehen soll",
    ownAll: "Alle gehören mir",
    ownedAll: (count: number) => `${plural(count, { one: "Münze ist", other: "Münzen sind" })} in Ihrer Sammlung.`,
    totals: "Nach Sorten",
    details: (place: number) => `Einzelheiten zu Münze ${place}`,
    working: "Das Foto wird angesehen …",
    workingBoth: "Beide Fotos werden angesehen …",
    again: "Nächste Münze",
    otherSide: "Andere Seite",
    photo: "Das Foto mit den Umrissen der Münzen",
    noCoin: "Keine Münze gefunden",
    noCoinText:
      "Gehen Sie näher heran, bis die Münze ein Drittel des Fotos füllt, und legen Sie sie auf etwas Einfarbiges.",
    coins: (count: number) => plural(count, { one: "Münze gefunden", other: "Münzen gefunden" }),
    choose: "Tippen Sie auf eine Münze, um zu sehen, was sie ist.",
    coin: (place: number, total: number) => `Münze ${place} von ${total}`,
    unknown: "Nicht in diesem Katalog",
    unknownText:
      "Nichts im Katalog ist ähnlich genug. Diese kommen am nächsten, aber wahrscheinlich ist es keine von ihnen.",
    nearest: "Am nächsten im Katalog",
    candidates: "Was es sein kann",
    others: "Oder vielleicht",
    together: "Beide Seiten zusammen",
    sideMissing: "Eines der beiden Fotos zeigt keine Münze: Die Antwort kommt vom anderen allein.",
    took: (seconds: string) => `In ${seconds} s auf diesem Gerät beantwortet`,
    similarity: (percent: number) => `zu ${percent} % ähnlich`,
    relief: (percent: number) => `Relief zu ${percent} % ähnlich`,
    reference: (name: string) => `Vergleichsbild von ${name}`,
    yours: "Die Münze in Ihrem Foto",
    unnamed: "Münze",
    series: "Serie sicher, Nummer unsicher",
    seriesOf: (design: string) => `Eine Münze der Serie „${design}“`,
    seriesText: (count: number) =>
      `Sie ist eine von ${count} Münzen mit diesem Bild. Das Foto zeigt nicht deutlich, welche.`,
    ofSeries: "Münzen dieser Serie",
    codesAlone: "Ohne Vergleich des Reliefs beantwortet: Dieses Gerät hat für diese Münzen keine Reliefkarten.",
  },

  guide: {
    lighter: "Bitte mehr Licht",
    darker: "Zu hell: vom Licht wegdrehen",
    nearer: "Näher heran",
    back: "Die Münze ragt aus dem Bild: etwas zurück",
    above: "Das Telefon gerade über die Münze halten",
  },

  photos: {
    title: (count: number) => plural(count, { one: "Foto", other: "Fotos" }),
    text: "Sind das beide Seiten einer Münze, oder zwei Fotos, die nacheinander angesehen werden?",
    manyText: "Sie werden nacheinander angesehen.",
    together: "Beide Seiten einer Münze",
    inTurn: "Nacheinander",
    next: (left: number) => `Nächstes Foto (noch ${number(left)})`,
  },

  sameSide: {
    obverse: "Beide Fotos zeigen die Vorderseite",
    reverse: "Beide Fotos zeigen die Rückseite",
    text: "Drehen Sie die Münze um: mit beiden Seiten ist die Antwort sicherer.",
    again: "Andere Seite aufnehmen",
  },

  narrow: {
    all: "Alle Länder",
    only: (country: string) => `Nur ${country}`,
    title: "Münzen erkennen aus",
    search: "Land suchen",
    whole: "Im ganzen Katalog suchen",
    answered: (country: string) => `Verglichen wurden nur Münzen aus: ${country}.`,
  },

  correct: {
    wrong: "Stimmt nicht?",
    know: "Ich weiß, was es ist",
    title: "Welche Münze ist es?",
    search: "Im Katalog suchen",
    near: "Diese kommen am nächsten.",
    found: (count: number) => `${plural(count, { one: "Münzseite", other: "Münzseiten" })} gefunden.`,
    more: (count: number) => `Und ${number(count)} weitere: fügen Sie ein Wort hinzu.`,
    nothing: "Nichts im Katalog hat diese Wörter.",
    none: "Keine von diesen",
    yours: "Wie Sie sagten",
    before: "Wofür die App sie hielt",
    kept: (name: string) => `Gemerkt: es ist ${name}.`,
    keptNone: "Gemerkt: es ist keine Münze des Katalogs.",
    photos: (count: number) => plural(count, { one: "berichtigtes Foto", other: "berichtigte Fotos" }),
    photosText:
      "Fotos, die Sie berichtigt haben, mit der richtigen Antwort. Nichts wird gesendet: speichern Sie sie als Datei und geben Sie diese dem Kurator.",
    save: "Für den Kurator speichern",
    deleteAll: "Diese Fotos löschen",
    deleteConfirm: "Die berichtigten Fotos löschen? Verlauf und Sammlung bleiben, wie Sie sie berichtigt haben.",
  },

  own: {
    pageText: "Münzen, die im Katalog fehlen. Dieses Gerät erkennt sie, neben dem signierten Katalog.",
    empty: "Noch keine eigenen Münzen",
    emptyText:
      "Wenn eine Münze nicht im Katalog ist, drücken Sie „Diese Münze merken“: von da an kennt dieses Gerät sie.",
    keep: "Diese Münze merken",
    keepText: "Sie ist keine Münze des Katalogs. Merken Sie sie: von da an kennt dieses Gerät sie.",
    title: "Diese Münze merken",
    text: "Geben Sie ihr einen Namen und nehmen Sie auch die andere Seite auf. Sie bleibt auf diesem Gerät.",
    photo: (place: number) => `Foto ${place} Ihrer Münze`,
    otherSide: "Andere Seite",
    addPhoto: "Foto hinzufügen",
    name: "Name",
    nameMissing: "Geben Sie der Münze einen Namen.",
    country: "Land, wenn Sie es wissen",
    note: "Notiz",
    save: "Merken",
    kept: (name: string) => `${name} wird von nun an erkannt.`,
    mark: "Ihre eigene Münze",
    blank: "Hier ist keine Münze zu sehen",
    since: (day: string) => `Gemerkt seit ${day}`,
    offer: "Als Datei anbieten",
    remove: (name: string) => `${name} löschen`,
    removed: (name: string) => `${name} ist gelöscht.`,
  },

  sending: {
    send: "An den Kurator senden",
    title: "Diese Münze an den Kurator senden?",
    consent: (host: string) =>
      `Dies verlässt Ihr Gerät und geht an ${host}. Der Kurator kann es in den Katalog aufnehmen, den alle herunterladen können. Von hier aus lässt es sich nicht zurücknehmen.`,
    bare: "Gesendet werden nur die Bildpunkte der Fotos: weder Ort noch Zeit noch Kamera.",
    agree: "Senden",
    going: "Wird gesendet …",
    sent: (name: string) => `${name} ist an den Kurator gesendet.`,
    waiting: (day: string) => `Gesendet am ${day}. Der Kurator hat noch nicht entschieden.`,
    accepted: (day: string) => `Gesendet am ${day} und aufgenommen: Die Münze kommt mit einer späteren Ausgabe.`,
    rejected: (day: string) => `Gesendet am ${day} und nicht aufgenommen.`,
    word: (text: string) => `Der Kurator sagt: ${text}`,
    failed: "Nicht gesendet",
    later: (minutes: number) =>
      `Versuchen Sie es in ${plural(minutes, { one: "Minute", other: "Minuten" })} noch einmal.`,
    troubles: {
      offline: "Der Server antwortet nicht. Nichts ist verloren: Versuchen Sie es wieder, sobald ein Netz da ist.",
      closed:
        "Der Server nimmt keine Vorschläge mehr an. „Als Datei anbieten“ schreibt eine Datei, die Sie dem Kurator geben können.",
      refused:
        "Der Server konnte die Münze nicht lesen. Löschen Sie Fotos, die nichts zeigen, und versuchen Sie es wieder.",
      "too-large": "Die Fotos sind zusammen zu groß. Senden Sie weniger davon.",
      "too-many": "Aus Ihrem Netz kamen innerhalb einer Stunde viele Münzen.",
      full: "Zu viele Münzen warten schon auf den Kurator. Versuchen Sie es in einigen Tagen, oder wählen Sie „Als Datei anbieten“.",
      server: "Der Server meldet einen Fehler. Versuchen Sie es später, oder wählen Sie „Als Datei anbieten“.",
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
      right: "Am meisten weicht es rechts ab.",
      "lower-right": "Am meisten weicht es unten rechts ab.",
      bottom: "Am meisten weicht es unten ab.",
      "lower-left": "Am meisten weicht es unten links ab.",
      left: "Am meisten weicht es links ab.",
      "upper-left": "Am meisten weicht es oben links ab.",
      top: "Am meisten weicht es oben ab.",
      "upper-right": "Am meisten weicht es oben rechts ab.",
      middle: "Am meisten weicht es in der Mitte ab.",
    },
    turned: (degrees: number) =>
      degrees === 0
        ? "Beide liegen gleich."
        : `Das Vergleichsbild ist um ${degrees}° gedreht, damit beide gleich liegen.`,
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

  sides: { obverse: "Vorderseite", reverse: "Rückseite", unknown: "Seite nicht bekannt" },

  history: {
    title: "Verlauf",
    noAnswer: "Von diesem Foto ist nicht mehr aufbewahrt.",
    empty: "Noch nichts hier",
    emptyText: "Was Sie erkannt haben, bleibt hier, nur auf diesem Gerät.",
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
    emptyText: "Erkennen Sie eine Münze und tippen Sie auf „Die habe ich“. Die Liste bleibt nur auf diesem Gerät.",
    choose: "Wählen Sie eine Münze, um ihre Stücke zu sehen.",
    count: "Anzahl",
    fewer: (name: string) => `Eine weniger von ${name}`,
    moreOf: (name: string) => `Eine mehr von ${name}`,
    removed: (name: string) => `Ein Stück ${name} ist entfernt.`,
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
    gone: "Der Katalog auf diesem Gerät hat diese Münze nicht. Sie bleibt hier unter dem Namen, den Sie kennen.",
    inCatalogue: "Im Katalog",
    wish: "Die suche ich",
    wished: (name: string) => `${name} ist unter den gesuchten Münzen.`,
    files: "Sichern, wiederherstellen, Tabelle",
    filesText:
      "„Alles sichern“ schreibt eine Datei mit allen Stücken und Bildern. „Wiederherstellen“ liest sie auf jedem Gerät und ergänzt, was dort ist.",
    backup: "Alles sichern",
    restore: "Wiederherstellen",
    csv: "Als CSV ausgeben",
    importCsv: "CSV einlesen",
    exported: (file: string) => `${file} ist gespeichert.`,
    restored: (pieces: number, known: number) =>
      `${plural(pieces, { one: "Stück ist", other: "Stücke sind" })} in der Sammlung; der Katalog auf diesem Gerät hat ${number(known)} davon.`,
    refused: {
      foreign: {
        title: "Das ist keine Sammlung von coindex",
        text: "Wählen Sie die ZIP-Datei, die „Alles sichern“ geschrieben hat.",
      },
      newer: {
        title: "Diese Datei ist von einer neueren App",
        text: "Aktualisieren Sie die App hier und stellen Sie die Datei dann wieder her. Nichts wurde geändert.",
      },
      damaged: {
        title: "Diese Datei ist beschädigt",
        text: "Kopieren Sie sie noch einmal von dort, wo sie gesichert ist. Nichts wurde geändert.",
      },
      table: {
        title: "Diese Tabelle nennt keine Münzen",
        text: (found: string) =>
          `Ihre erste Zeile muss die Spalten nennen, darunter „Name“ oder „Wert“. Gefunden: ${found}. Nichts wurde geändert.`,
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
    text: "Der Katalog kommt in Teilen. Nehmen Sie, was Sie brauchen; weitere lassen sich später hinzufügen.",
    some: (taken: number, all: number) =>
      `${number(taken)} von ${plural(all, { one: "Paket", other: "Paketen" })} gewählt`,
    none: "Wählen Sie mindestens ein Paket.",
    take: "Diese Pakete nehmen",
    takeMore: (size: string) => `Diese Pakete nehmen (${size})`,
    taken: (size: string) => `Ihre Pakete sind auf diesem Gerät: ${size} geladen.`,
    inPack: (pack: string, size: string) => `im Paket ${pack}, ${size}`,
    elsewhere: (packs: string) => `Vielleicht ist sie in einem Paket, das nicht auf diesem Gerät ist: ${packs}.`,
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
      "Vergleichen Sie ihn mit dem, den der Kurator veröffentlicht. Er kam mit dem ersten Besuch und gilt seither.",
    hash: "Prüfsumme des Katalogs",
    proofs: "Zum Vergleichen: Signatur und Katalog",
    sync: "Nach Neuem sehen",
    about: "Datenschutz",
    aboutText:
      "Erkannt wird auf diesem Gerät. Die App fragt nur den Server, von dem sie kommt, nach sich selbst und nach dem Katalog, und bringt ihm die Münzen, die Sie selbst an den Kurator senden. Kein Konto, keine Verfolgung, kein anderer Server.",
    data: "Ihre Daten",
    dataText:
      "Verlauf und Sammlung liegen in diesem Browser. Wer die Browserdaten löscht, löscht auch sie: Sichern Sie Ihre Sammlung von Zeit zu Zeit.",
    history: (count: number, used: string, most: string) =>
      `Verlauf: ${plural(count, { one: "Antwort", other: "Antworten" })}, ${used} von höchstens ${most}. Die ältesten Fotos machen neuen Platz; ihre Namen bleiben.`,
    promised: "Der Browser hat zugesagt, Ihre Daten zu behalten, bis Sie sie selbst löschen.",
    notPromised:
      "Der Browser darf Ihre Daten löschen, wenn dem Gerät der Platz ausgeht. Sichern Sie Ihre Sammlung ab und zu und legen Sie die App auf den Startbildschirm.",
    promise: "Den Browser um Zusage bitten",
    home: "Safari löscht nach sieben Tagen ohne Besuch, was eine Website aufbewahrt. Tippen Sie auf „Teilen“, dann „Zum Home-Bildschirm“: Die App dort behält ihre Daten.",
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
    checking: "Suche nach Neuem …",
    updating: (size: string) => `${size} werden geladen`,
    offlineSince: (when: string) => `Ohne Netz seit ${when}`,
    offline: "Ohne Netz",
    done: (size: string) => `Aktualisiert: ${size} geladen.`,
    nothing: "Nichts Neues.",
    refused: "Aktualisierung abgelehnt",
    failed: "Nicht aktualisiert",
    full: "Speicher voll",
    ready: "Eine neue Version der App ist bereit.",
    restart: "Jetzt neu starten",
    later: "Später",
  },

  failures: {
    offline: {
      title: "Kein Netz",
      text: "Der Server antwortet nicht. Was auf diesem Gerät ist, geht weiter; Neues kommt, sobald es ein Netz gibt.",
      first: "Das erste Laden braucht ein Netz. Kommen Sie wieder, wenn es eines gibt.",
    },
    refused: {
      title: "Die Aktualisierung ist abgelehnt",
      text: "Was der Server schickt, ist nicht richtig signiert, älter als das Vorhandene oder abgelaufen. Der Katalog auf diesem Gerät geht weiter. Bleibt es einen Tag so, sagen Sie es dem Betreiber des Servers.",
    },
    "no-release": {
      title: "Noch nichts veröffentlicht",
      text: "Der Server hat bisher keinen Katalog. Kommen Sie wieder, wenn der Kurator einen veröffentlicht hat.",
    },
    "storage-full": {
      title: "Der Speicher ist voll",
      text: "Nichts ist verloren: Der bisherige Katalog geht weiter. Schaffen Sie Platz auf dem Gerät oder löschen Sie den Verlauf, und versuchen Sie es noch einmal.",
    },
    storage: {
      title: "Der Speicher versagt",
      text: "Der Browser kann für diese Seite keine Dateien behalten. Ein privates Fenster erlaubt keine: Öffnen Sie die App in einem gewöhnlichen.",
    },
    server: {
      title: "Der Server hat eine Störung",
      text: "Er antwortet mit einem Fehler. Was auf diesem Gerät ist, geht weiter; versuchen Sie es später noch einmal.",
    },
    photo: {
      title: "Dieses Foto ist nicht lesbar",
      text: "Es ist vielleicht beschädigt oder von einer Art, die der Browser nicht kennt. JPEG, PNG und WebP gehen; speichern Sie es so.",
    },
    "no-catalogue": {
      title: "Auf diesem Gerät ist kein Katalog",
      text: "Laden Sie ihn zuerst, auf der Seite Einstellungen.",
    },
    runtime: {
      title: "Die Erkennung startet nicht",
      text: "Schließen Sie andere Seiten und laden Sie diese neu. Bleibt es so, ist der Browser zu alt: Aktualisieren Sie ihn.",
    },
    "pack-ended": {
      title: "Eines Ihrer Pakete ist nicht da",
      text: "Der Katalog ist jetzt anders aufgeteilt, oder die Datei hat andere Pakete als dieses Gerät. Wählen Sie Ihre Pakete in den Einstellungen; bis dahin arbeitet der Katalog hier weiter.",
    },
    busy: {
      title: "Die App ist zweimal offen",
      text: "Ein anderer Tab benutzt den Katalog. Schließen Sie ihn und versuchen Sie es noch einmal.",
    },
  },

  details: "Einzelheiten",
  undo: "Rückgängig",
  kept: "Gesichert.",
  nothing: "Nichts gefunden",
  nothingText: "Versuchen Sie weniger oder andere Wörter; Akzente und Großschreibung sind gleich.",
  retry: "Noch einmal versuchen",

  oldBrowser: {
    title: "Dieser Browser ist zu alt",
    text: "coindex braucht einen Browser von 2025 oder später: Chrome oder Edge 137, Firefox 130, Safari 17 oder neuer. Aktualisieren Sie den Browser und kommen Sie wieder.",
    lacks: (names: string) => `Es fehlt: ${names}.`,
    insecure:
      "Diese Adresse ist nicht sicher, deshalb verbirgt der Browser, was die App braucht. Öffnen Sie sie mit https:// oder auf dem Rechner, der sie anbietet.",
  },
});
