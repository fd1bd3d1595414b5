/** Recognise coins in photos, in the browser, offline: photos in, codes and answers out. */
export type { Catalog, ClassName, Hit, Row } from "./catalog";
export type { Timings } from "./clock";
export { quantise, similarity, squaredDistance } from "./codes";
export { CUTOUT_VERSION, cutOut } from "./cutout";
export {
  type EncodedCoin,
  type Encoding,
  encodePhoto,
  type OutlinedCoin,
  type ReaderBeside,
  type Reading,
  readCoin,
} from "./encoding";
export { ModelError, PhotoError, type PhotoProblem } from "./errors";
export { type JointHit, searchTogether } from "./joint";
export { loadModels, type ModelFile, type ModelIndex, type Models, type ReliefModel, readIndex } from "./models";
export {
  confidence,
  type Evidence,
  evidence,
  isKnown,
  isKnownByRelief,
  type OpenSet,
  type ReliefEvidence,
  type ReliefOpenSet,
  readOpenSet,
  readReliefOpenSet,
  reliefConfidence,
} from "./openSet";
export { loadPhoto, MAX_PIXELS, type Photo, photoOf } from "./photo";
export type { Box, Picture } from "./picture";
export {
  type Answer,
  type Candidate,
  type JointAnswer,
  type JointCandidate,
  type Recognition,
  type RecognizedCoin,
  type RecognizeOptions,
  Recognizer,
  type Series,
} from "./recognizer";
export {
  agreement,
  compare,
  type Match,
  packMap,
  type QueryRelief,
  queryRelief,
  type ReliefMaps,
  referenceMap,
  reliefInput,
  unpackMap,
  unroll,
} from "./relief";
export { type Look, NO_MAPS, NO_NET, type SecondLook } from "./reliefRanking";
export { bestBuild, loadRuntime, type Net, Runtime } from "./runtime";
export { type FoundCoin, findCoins } from "./segmentation";
