/** Every Polish text of the app. */

import type { Formats } from "./formats";
import type { Strings } from "./index";

const COINS = { one: "moneta", few: "monety", many: "monet", other: "monety" } as const;

export const pl = ({ number, plural }: Formats): Strings => ({
  app: "coindex",
  tagline: "Rozpoznaj monetę ze zdjęcia, bez sieci",
  skip: "Przejdź do treści",
  pages: {
    recognise: "Rozpoznaj",
    collection: "Kolekcja",
    history: "Historia",
    catalogue: "Katalog",
    settings: "Ustawienia",
    own: "Twoje własne monety",
  },
  navigation: "Strony",
  close: "Zamknij",
  cancel: "Anuluj",
  delete: "Usuń",
  sunlight: "Słońce: wysoki kontrast",

  first: {
    title: "Pobierz katalog",
    text: "Wszystko pobierasz raz. Potem to urządzenie samo rozpoznaje monety, także w trybie samolotowym.",
    recogniser: "Rozpoznawanie",
    catalogue: "Lista monet z obrazami",
    sample: "Przykładowa odpowiedź, bez sieci:",
    total: "Razem",
    asking: "Pytam serwer, co jest do pobrania…",
    start: (size: string) => `Pobierz ${size}`,
    startAnyway: "Pobierz",
    keepOpen: "Możesz zamknąć stronę. Przy następnej wizycie pobieranie ruszy od tego miejsca.",
    privacy:
      "Bez konta, bez śledzenia. Twoje zdjęcia zostają na tym urządzeniu, chyba że zdecydujesz się któreś wysłać.",
    notKept:
      "Ta przeglądarka nie może przechować aplikacji, więc otwiera się ona tylko, gdy serwer jest dostępny. Najczęściej przeglądarka nie ufa certyfikatowi serwera. Dokumentacja aplikacji wyjaśnia, jak to zmienić.",
    done: "Katalog jest na tym urządzeniu. Możesz wyłączyć sieć.",
  },

  steps: {
    runtime: "Pobieram moduł rozpoznawania",
    check: "Pytam serwer",
    models: "Pobieram modele",
    catalogue: "Pobieram katalog",
    reading: "Sprawdzam każdy bajt",
  },

  camera: {
    title: "Rozpoznaj monetę",
    intro: "Połóż monetę na jednolitym tle. Fotografuj prosto z góry, ze światłem z boku.",
    start: "Użyj aparatu",
    gallery: "Galeria",
    shutter: "Zrób zdjęcie",
    both: "Obie strony",
    drop: "albo upuść lub wklej tu zdjęcie",
    dropNow: "Upuść zdjęcie tutaj",
    looking: "Szukam monety…",
    seen: (count: number) =>
      plural(count, {
        one: "moneta w kadrze",
        few: "monety w kadrze",
        many: "monet w kadrze",
        other: "monety w kadrze",
      }),
    live: "Obraz z aparatu",
    secondSide: "Teraz druga strona tej samej monety",
    secondText: "Odwróć monetę. Dwa zdjęcia dają pewniejszą odpowiedź.",
    denied: "Brak dostępu do aparatu",
    deniedText:
      "Przeglądarka nie pozwala tej stronie używać aparatu. Dotknij kłódki obok adresu, zezwól na aparat i odśwież stronę. Zdjęcia z galerii możesz użyć bez aparatu.",
    none: "Nie znaleziono aparatu",
    noneText: "To urządzenie nie ma aparatu, którego przeglądarka może użyć. Wybierz zdjęcie.",
    busy: "Aparat jest zajęty",
    busyText: "Inna aplikacja lub strona używa aparatu. Zamknij ją i spróbuj jeszcze raz albo wybierz zdjęcie.",
    insecure: "Aparat wymaga bezpiecznego adresu",
    insecureText:
      "Przeglądarki pozwalają na aparat tylko na stronach https:// albo na tym komputerze. Wybierz zdjęcie.",
    retry: "Spróbuj jeszcze raz z aparatem",
  },

  answer: {
    named: (named: number, all: number) =>
      `Nazwano ${number(named)} z ${plural(all, { one: "monety", few: "monet", many: "monet", other: "monet" })}`,
    found: (count: number) =>
      `Znaleziono ${plural(count, { one: "monetę", few: "monety", many: "monet", other: "monety" })}. Nazywanie…`,
    actions: "Co zrobić z odpowiedzią",
    ownAll: "Mam je wszystkie",
    ownedAll: (count: number) =>
      plural(count, {
        one: "# moneta jest w twojej kolekcji.",
        few: "# monety są w twojej kolekcji.",
        many: "# monet jest w twojej kolekcji.",
        other: "# monety są w twojej kolekcji.",
      }),
    totals: "Według rodzajów",
    details: (place: number) => `Szczegóły monety ${place}`,
    working: "Sprawdzam zdjęcie…",
    workingBoth: "Sprawdzam oba zdjęcia…",
    again: "Następna moneta",
    otherSide: "Druga strona",
    photo: "Zdjęcie z zaznaczonymi monetami",
    noCoin: "Nie znaleziono monety",
    noCoinText: "Przybliż aparat, aż moneta zajmie jedną trzecią zdjęcia, i połóż ją na jednolitym tle.",
    coins: (count: number) =>
      plural(count, {
        one: "znaleziona moneta",
        few: "znalezione monety",
        many: "znalezionych monet",
        other: "znalezionej monety",
      }),
    choose: "Dotknij monety, aby zobaczyć, co to jest.",
    coin: (place: number, total: number) => `Moneta ${place} z ${total}`,
    unknown: "Nie ma jej w tym katalogu",
    unknownText: "Nic w katalogu nie jest dość podobne. To najbardziej podobne monety, ale to pewnie żadna z nich.",
    nearest: "Najbardziej podobne w katalogu",
    candidates: "Co to może być",
    others: "Albo może",
    together: "Obie strony razem",
    sideMissing: "Na jednym ze zdjęć nie ma monety. Odpowiedź pochodzi z drugiego.",
    took: (seconds: string) => `Odpowiedź na tym urządzeniu po ${seconds} s`,
    similarity: (percent: number) => `${percent}% podobieństwa`,
    relief: (percent: number) => `relief podobny w ${percent}%`,
    reference: (name: string) => `Obraz wzorcowy: ${name}`,
    yours: "Moneta na twoim zdjęciu",
    unnamed: "Moneta",
    series: "Seria pewna, moneta niepewna",
    seriesOf: (design: string) => `Moneta z serii „${design}”`,
    seriesText: (count: number) => `To jedna z ${count} monet o tym wzorze. Zdjęcie nie pokazuje wyraźnie która.`,
    ofSeries: "Monety tej serii",
    codesAlone: "Reliefu nie porównano: to urządzenie nie ma map reliefu tych monet.",
  },

  guide: {
    lighter: "Potrzeba więcej światła",
    darker: "Za jasno: odwróć się od światła",
    nearer: "Przybliż aparat",
    back: "Moneta nie mieści się w kadrze: oddal aparat trochę",
    above: "Trzymaj telefon prosto nad monetą",
  },

  photos: {
    title: (count: number) => plural(count, { one: "zdjęcie", few: "zdjęcia", many: "zdjęć", other: "zdjęcia" }),
    text: "Czy te zdjęcia pokazują obie strony jednej monety, czy dwie monety?",
    manyText: "Zostaną rozpoznane po kolei.",
    together: "Obie strony jednej monety",
    inTurn: "Po kolei",
    next: (left: number) => `Następne zdjęcie (zostało ${number(left)})`,
  },

  sameSide: {
    obverse: "Oba zdjęcia pokazują awers",
    reverse: "Oba zdjęcia pokazują rewers",
    text: "Odwróć monetę. Obie strony dają pewniejszą odpowiedź.",
    again: "Sfotografuj drugą stronę",
  },

  narrow: {
    all: "Wszystkie kraje",
    only: (country: string) => `Tylko ${country}`,
    title: "Rozpoznawaj monety z kraju",
    search: "Szukaj kraju",
    whole: "Szukaj w całym katalogu",
    answered: (country: string) => `Porównano tylko monety z kraju: ${country}.`,
  },

  correct: {
    wrong: "To nie ta?",
    know: "Wiem, co to jest",
    title: "Która to moneta?",
    search: "Szukaj w katalogu",
    near: "Najbardziej podobne monety.",
    found: (count: number) =>
      `Znaleziono ${plural(count, { one: "stronę monety", few: "strony monet", many: "stron monet", other: "strony monet" })}.`,
    more: (count: number) => `I jeszcze ${number(count)}: dodaj słowo.`,
    nothing: "W katalogu nie ma nic z tymi słowami.",
    none: "Żadna z tych",
    yours: "Twoja odpowiedź",
    before: "Odpowiedź aplikacji",
    kept: (name: string) => `Zapamiętano: to ${name}.`,
    keptNone: "Zapamiętano: nie ma jej w katalogu.",
    photos: (count: number) =>
      plural(count, {
        one: "poprawione zdjęcie",
        few: "poprawione zdjęcia",
        many: "poprawionych zdjęć",
        other: "poprawionego zdjęcia",
      }),
    photosText:
      "Poprawione zdjęcia z właściwą odpowiedzią. Nic nie jest wysyłane. Zapisz je jako plik i przekaż opiekunowi katalogu.",
    save: "Zapisz dla opiekuna katalogu",
    deleteAll: "Usuń te zdjęcia",
    deleteConfirm: "Usunąć poprawione zdjęcia? Poprawki w historii i kolekcji zostaną.",
  },

  own: {
    pageText:
      "Monety, których nie ma w katalogu. To urządzenie rozpoznaje także je. Podpisany katalog się nie zmienia.",
    empty: "Nie ma jeszcze własnych monet",
    emptyText: "Gdy monety nie ma w katalogu, dotknij „Zapamiętaj tę monetę”. Odtąd to urządzenie ją rozpozna.",
    keep: "Zapamiętaj tę monetę",
    keepText: "Nie ma jej w katalogu. Zapamiętaj ją, a to urządzenie będzie ją rozpoznawać.",
    title: "Zapamiętaj tę monetę",
    text: "Nazwij ją i sfotografuj też drugą stronę. Moneta zostaje na tym urządzeniu.",
    photo: (place: number) => `Zdjęcie ${place} twojej monety`,
    otherSide: "Druga strona",
    addPhoto: "Dodaj zdjęcie",
    name: "Nazwa",
    nameMissing: "Nazwij monetę.",
    country: "Kraj, jeśli go znasz",
    note: "Notatka",
    save: "Zapamiętaj",
    kept: (name: string) => `To urządzenie rozpoznaje teraz: ${name}.`,
    mark: "Twoja własna moneta",
    blank: "Nie znaleziono monety na tym zdjęciu",
    since: (day: string) => `Zapamiętana od ${day}`,
    offer: "Zaproponuj w pliku",
    remove: (name: string) => `Usuń: ${name}`,
    removed: (name: string) => `Usunięto: ${name}.`,
  },

  sending: {
    send: "Wyślij opiekunowi katalogu",
    title: "Wysłać tę monetę opiekunowi katalogu?",
    consent: (host: string) =>
      `Moneta opuści twoje urządzenie i trafi na serwer ${host}. Opiekun może dodać ją do katalogu, który każdy może pobrać. Tutaj nie da się tego cofnąć.`,
    bare: "Ze zdjęć wysyłane są tylko piksele, bez miejsca, czasu i danych aparatu.",
    agree: "Wyślij",
    going: "Wysyłanie…",
    sent: (name: string) => `Wysłano opiekunowi: ${name}.`,
    waiting: (day: string) => `Wysłano ${day}. Opiekun jeszcze nie zdecydował.`,
    accepted: (day: string) => `Wysłano ${day} i przyjęto: moneta pojawi się w jednym z następnych wydań.`,
    rejected: (day: string) => `Wysłano ${day} i nie przyjęto.`,
    word: (text: string) => `Opiekun pisze: ${text}`,
    failed: "Nie wysłano",
    later: (minutes: number) =>
      `Spróbuj ponownie za ${plural(minutes, { one: "minutę", few: "minuty", many: "minut", other: "minuty" })}.`,
    troubles: {
      offline: "Serwer nie odpowiada. Nic nie przepadło: spróbuj ponownie, gdy będzie sieć.",
      closed: "Serwer nie przyjmuje już propozycji. „Zaproponuj w pliku” zapisze plik, który możesz dać opiekunowi.",
      refused: "Serwer nie mógł odczytać monety. Usuń zdjęcia, na których nic nie widać, i spróbuj ponownie.",
      "too-large": "Zdjęcia są razem za duże. Wyślij ich mniej.",
      "too-many": "Z twojej sieci wysłano w ciągu godziny zbyt wiele monet.",
      full: "Zbyt wiele monet czeka już na decyzję opiekuna. Spróbuj za kilka dni albo wybierz „Zaproponuj w pliku”.",
      server: "Serwer zgłosił błąd. Spróbuj później albo wybierz „Zaproponuj w pliku”.",
    },
  },

  share: {
    action: "Udostępnij",
    file: "coindex-odpowiedz.png",
    foot: "Rozpoznano z coindex, bez sieci",
  },

  comparison: {
    of: (name: string) => `Porównanie: ${name}`,
    compare: (name: string) => `Porównaj z: ${name}`,
    agree: (percent: number) => `Relief zgadza się na ${percent}% monety.`,
    nowhere: "Żadna część wyraźnie się nie różni.",
    differ: {
      right: "Najbardziej różni się po prawej.",
      "lower-right": "Najbardziej różni się na dole po prawej.",
      bottom: "Najbardziej różni się na dole.",
      "lower-left": "Najbardziej różni się na dole po lewej.",
      left: "Najbardziej różni się po lewej.",
      "upper-left": "Najbardziej różni się u góry po lewej.",
      top: "Najbardziej różni się u góry.",
      "upper-right": "Najbardziej różni się u góry po prawej.",
      middle: "Najbardziej różni się na środku.",
    },
    turned: (degrees: number) =>
      degrees === 0
        ? "Obie są ułożone tak samo."
        : `Obraz wzorcowy jest obrócony o ${degrees}°, aby obie były ułożone tak samo.`,
    show: "Pokaż na monetach",
    agrees: "zgadza się",
    differs: "różni się",
  },

  sure: {
    very: "Bardzo prawdopodobne",
    rather: "Prawdopodobne",
    perhaps: "Być może",
    guess: "Tylko przypuszczenie",
  },

  sides: { obverse: "awers", reverse: "rewers", unknown: "strona nieznana" },

  history: {
    title: "Historia",
    noAnswer: "Pełnej odpowiedzi do tego zdjęcia nie zachowano.",
    empty: "Jeszcze nic tu nie ma",
    emptyText: "Tutaj pojawią się rozpoznane monety. Zostają na tym urządzeniu.",
    deleteOne: (name: string) => `Usuń z historii: ${name}`,
    deleteAll: "Usuń wszystko",
    confirm: "Usunąć całą historię? Kolekcja zostanie.",
    deleted: "Usunięto.",
    more: (count: number) => `i jeszcze ${plural(count, COINS)}`,
    count: (count: number) => plural(count, { one: "zdjęcie", few: "zdjęcia", many: "zdjęć", other: "zdjęcia" }),
  },

  collection: {
    title: "Kolekcja",
    own: "Mam ją",
    owned: (count: number) => `W twojej kolekcji: ${number(count)}`,
    added: (name: string) => `W twojej kolekcji: ${name}.`,
    empty: "Nie ma jeszcze monet",
    emptyText: "Rozpoznaj monetę i dotknij „Mam ją”. Lista zostaje na tym urządzeniu.",
    choose: "Wybierz monetę, aby zobaczyć jej egzemplarze.",
    count: "Liczba",
    fewer: (name: string) => `O jedną mniej: ${name}`,
    moreOf: (name: string) => `O jedną więcej: ${name}`,
    removed: (name: string) => `Usunięto egzemplarz: ${name}.`,
    summary: (kinds: number, pieces: number) =>
      `${plural(kinds, { one: "rodzaj", few: "rodzaje", many: "rodzajów", other: "rodzaju" })}, ${plural(pieces, COINS)}`,
    search: "Szukaj w kolekcji",
    order: "Sortuj według",
    orders: { latest: "Ostatnio dodane", name: "Nazwa", country: "Kraj", year: "Rok", most: "Liczba" },
    lists: { all: "Wszystkie", own: "Mam", swap: "Na wymianę", wish: "Szukam" },
    fields: {
      list: "Lista",
      year: "Rok",
      mintMark: "Znak mennicy",
      grade: "Stan",
      price: "Cena zakupu",
      acquired: "Data zakupu",
      note: "Notatka",
    },
    piece: (place: number, total: number) => `Egzemplarz ${place} z ${total}`,
    addPiece: "Jeszcze jeden egzemplarz",
    removePiece: (place: number) => `Usuń egzemplarz ${place}`,
    photo: "Zdjęcie tego egzemplarza",
    photoOf: (name: string) => `Twoje zdjęcie: ${name}`,
    gone: "Tej monety nie ma w katalogu na tym urządzeniu. Kolekcja zachowuje jej nazwę.",
    inCatalogue: "W katalogu",
    wish: "Szukam jej",
    wished: (name: string) => `Wśród poszukiwanych: ${name}.`,
    files: "Kopia zapasowa, przywracanie, arkusz",
    filesText:
      "„Zapisz wszystko” tworzy jeden plik ze wszystkimi egzemplarzami i zdjęciami. „Przywróć” odczytuje go na każdym urządzeniu i dodaje do kolekcji, która tam jest.",
    backup: "Zapisz wszystko",
    restore: "Przywróć",
    csv: "Eksportuj CSV",
    importCsv: "Importuj CSV",
    exported: (file: string) => `Zapisano ${file}.`,
    restored: (pieces: number, known: number) =>
      `W kolekcji: ${plural(pieces, { one: "egzemplarz", few: "egzemplarze", many: "egzemplarzy", other: "egzemplarza" })} z pliku; katalog na tym urządzeniu zna z nich ${number(known)}.`,
    refused: {
      foreign: {
        title: "To nie jest kolekcja z coindex",
        text: "Wybierz plik ZIP utworzony przez „Zapisz wszystko”.",
      },
      newer: {
        title: "Ten plik pochodzi z nowszej aplikacji",
        text: "Zaktualizuj tutaj aplikację i przywróć plik jeszcze raz. Nic nie zmieniono.",
      },
      damaged: {
        title: "Ten plik jest uszkodzony",
        text: "Skopiuj go jeszcze raz z miejsca zapisu. Nic nie zmieniono.",
      },
      table: {
        title: "W tej tabeli nie ma monet",
        text: (found: string) =>
          `Pierwszy wiersz musi zawierać nazwy kolumn, wśród nich „Nazwa” lub „Nominał”. Znaleziono: ${found}. Nic nie zmieniono.`,
      },
    },
    file: "coindex-kolekcja",
  },

  catalogue: {
    title: "Katalog",
    search: "Szukaj: nazwa, kraj, rok…",
    choose: "Wybierz monetę, aby ją zobaczyć.",
    countries: "Kraje",
    kinds: (count: number) => plural(count, COINS),
    photos: (count: number) =>
      plural(count, {
        one: "zdjęcie wzorcowe",
        few: "zdjęcia wzorcowe",
        many: "zdjęć wzorcowych",
        other: "zdjęcia wzorcowego",
      }),
    found: (count: number) =>
      plural(count, {
        one: "znaleziona moneta",
        few: "znalezione monety",
        many: "znalezionych monet",
        other: "znalezionej monety",
      }),
    all: "Wszystkie",
    noPicture: "brak obrazu",
    back: "Wszystkie kraje",
  },

  packs: {
    title: "Pakiety",
    text: "Katalog jest podzielony na pakiety. Wybierz te, których potrzebujesz. Inne możesz dodać później.",
    some: (taken: number, all: number) =>
      `wybrano ${number(taken)} z ${plural(all, { one: "pakietu", few: "pakietów", many: "pakietów", other: "pakietu" })}`,
    none: "Wybierz co najmniej jeden pakiet.",
    take: "Pobierz te pakiety",
    takeMore: (size: string) => `Pobierz te pakiety (${size})`,
    taken: (size: string) => `Twoje pakiety są na tym urządzeniu: pobrano ${size}.`,
    inPack: (pack: string, size: string) => `w pakiecie ${pack}, ${size}`,
    elsewhere: (packs: string) => `Może być w pakiecie, którego nie ma na tym urządzeniu: ${packs}.`,
    choose: "Wybierz pakiety",
  },

  facts: {
    years: "Lata",
    mint: "Mennica",
    ruler: "Władca",
    metal: "Metal",
    weight: "Masa",
    diameter: "Średnica",
    edge: "Rant",
    mintage: "Nakład",
    km: "Krause (KM)",
    numista: "Numista",
    links: "Więcej",
    photos: "Zdjęcia",
    grams: (value: string) => `${value} g`,
    millimetres: (value: string) => `${value} mm`,
  },

  settings: {
    title: "Ustawienia",
    fromFile: "Z pliku",
    language: "Język",
    byBrowser: "Jak w przeglądarce",
    news: "Katalog na tym urządzeniu",
    version: "Wydanie",
    made: "Utworzono",
    coins: "Strony monet",
    photos: "Zdjęcia wzorcowe",
    size: "Na tym urządzeniu",
    checked: "Ostatnio sprawdzono",
    never: "nigdy",
    fingerprint: "Odcisk klucza podpisu",
    fingerprintText: "Porównaj go z tym, który ogłasza opiekun katalogu. To urządzenie ufa mu od pierwszej wizyty.",
    hash: "Suma kontrolna katalogu",
    proofs: "Do porównania: podpis i katalog",
    sync: "Sprawdź nowości",
    about: "Prywatność",
    aboutText:
      "Rozpoznawanie odbywa się na tym urządzeniu. Aplikacja łączy się tylko z serwerem, z którego pochodzi: aby pobrać aplikację i katalog oraz wysłać opiekunowi monetę, gdy tak zdecydujesz. Bez konta, bez śledzenia, bez innych serwerów.",
    data: "Twoje dane",
    dataText:
      "Historia i kolekcja są zapisane w tej przeglądarce. Wyczyszczenie danych przeglądarki usuwa także je, więc od czasu do czasu zapisz kopię kolekcji.",
    history: (count: number, used: string, most: string) =>
      `Historia: ${plural(count, { one: "odpowiedź", few: "odpowiedzi", many: "odpowiedzi", other: "odpowiedzi" })}, ${used} z najwyżej ${most}. Najstarsze zdjęcia ustępują nowym; nazwy zostają.`,
    promised: "Przeglądarka obiecała zachować twoje dane, dopóki ich nie usuniesz.",
    notPromised:
      "Przeglądarka może usunąć twoje dane, gdy na urządzeniu zabraknie miejsca. Od czasu do czasu zapisz kolekcję i dodaj aplikację do ekranu głównego.",
    promise: "Poproś przeglądarkę o zachowanie",
    home: "Safari usuwa dane witryny po siedmiu dniach bez odwiedzin. Dotknij „Udostępnij”, potem „Do ekranu początkowego”: tam aplikacja zachowuje dane.",
    wipe: "Usuń wszystko z tego urządzenia",
    wipeConfirm: "Usunąć katalog, historię i kolekcję z tego urządzenia?",
  },

  room: {
    needed: (size: string) => `Potrzeba: ${size}.`,
    free: (size: string) => `Wolne dla tej strony: ${size}.`,
    used: (size: string) => `Zajęte: ${size}.`,
  },

  sync: {
    current: "Aktualne",
    checking: "Szukam nowości…",
    updating: (size: string) => `Pobieram ${size}`,
    offlineSince: (when: string) => `Bez sieci od ${when}`,
    offline: "Bez sieci",
    done: (size: string) => `Zaktualizowano: pobrano ${size}.`,
    nothing: "Nic nowego.",
    refused: "Aktualizacja odrzucona",
    failed: "Nie zaktualizowano",
    full: "Brak miejsca",
    ready: "Nowa wersja aplikacji jest gotowa.",
    restart: "Uruchom ponownie",
    later: "Później",
  },

  failures: {
    offline: {
      title: "Brak sieci",
      text: "Serwer nie odpowiada. Katalog na tym urządzeniu działa dalej. Aktualizacje pojawią się, gdy będzie sieć.",
      first: "Pierwsze pobranie wymaga sieci. Wróć na tę stronę, gdy będzie.",
    },
    refused: {
      title: "Aktualizacja została odrzucona",
      text: "Wydanie z serwera nie jest właściwie podpisane, jest starsze niż obecne albo wygasło. Katalog na tym urządzeniu działa dalej. Jeśli potrwa to cały dzień, powiadom osobę, która prowadzi serwer.",
    },
    "no-release": {
      title: "Jeszcze nic nie opublikowano",
      text: "Serwer nie ma na razie katalogu. Wróć, gdy opiekun go opublikuje.",
    },
    "storage-full": {
      title: "Pamięć jest pełna",
      text: "Nic nie przepadło: dotychczasowy katalog działa dalej. Zwolnij miejsce na urządzeniu albo usuń historię i spróbuj jeszcze raz.",
    },
    storage: {
      title: "Przeglądarka nie może zapisać plików",
      text: "Okno prywatne nie przechowuje plików. Otwórz aplikację w zwykłym oknie.",
    },
    server: {
      title: "Serwer zgłasza błąd",
      text: "Katalog na tym urządzeniu działa dalej. Spróbuj później.",
    },
    photo: {
      title: "Tego zdjęcia nie da się odczytać",
      text: "Może być uszkodzone albo mieć format, którego przeglądarka nie zna. Zapisz je jako JPEG, PNG lub WebP.",
    },
    "no-catalogue": {
      title: "Na tym urządzeniu nie ma katalogu",
      text: "Najpierw pobierz go na stronie Ustawienia.",
    },
    runtime: {
      title: "Rozpoznawanie się nie uruchamia",
      text: "Zamknij inne strony i wczytaj tę ponownie. Jeśli to nie pomoże, zaktualizuj przeglądarkę.",
    },
    "pack-ended": {
      title: "Jeden z twoich pakietów jest niedostępny",
      text: "Podział katalogu się zmienił albo plik ma inne pakiety niż to urządzenie. Wybierz pakiety w ustawieniach. Do tego czasu katalog tutaj działa dalej.",
    },
    busy: {
      title: "Aplikacja jest otwarta dwa razy",
      text: "Inna karta używa katalogu. Zamknij ją i spróbuj jeszcze raz.",
    },
  },

  details: "Szczegóły",
  undo: "Cofnij",
  kept: "Zapisano.",
  nothing: "Nic nie znaleziono",
  nothingText: "Użyj mniej słów albo innych. Znaki diakrytyczne i wielkość liter nie mają znaczenia.",
  retry: "Spróbuj ponownie",

  oldBrowser: {
    title: "Ta przeglądarka jest za stara",
    text: "coindex wymaga przeglądarki z 2025 roku lub nowszej: Chrome lub Edge 137, Firefox 130, Safari 17 albo nowszej. Zaktualizuj przeglądarkę i wróć.",
    lacks: (names: string) => `Brakuje: ${names}.`,
    insecure:
      "Ten adres nie jest bezpieczny, więc przeglądarka blokuje funkcje, których aplikacja potrzebuje. Otwórz ją przez https:// albo na komputerze, na którym działa serwer.",
  },
});
