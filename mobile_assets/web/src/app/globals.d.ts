/** The folder of LiteRT's files, with their version; the build writes it in. */
declare const __RUNTIME__: string;
