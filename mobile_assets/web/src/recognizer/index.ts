/** Recognise coins in photos, in the browser, offline: photos in, codes and answers out. */
export type { Catalog, ClassName, Hit, Row } from "./catalog";
export { quantise, similarity, squaredDistance } from "./codes";
export { CUTOUT_VERSION, cutOut } from "./cutout";
export { ModelError, PhotoError, type PhotoProblem } from "./errors";
export { type JointHit, searchTogether } from "./joint";
export { loadModels, type ModelFile, type ModelIndex, type Models, readIndex } from "./models";
export { confidence, type Evidence, evidence, isKnown, type OpenSet, readOpenSet } from "./openSet";
export { loadPhoto, MAX_PIXELS, type Photo, photoOf } from "./photo";
export type { Box, Picture } from "./picture";
export {
  type Answer,
  type Candidate,
  type EncodedCoin,
  type Encoding,
  encodePhoto,
  type JointAnswer,
  type JointCandidate,
  type RecognizedCoin,
  Recognizer,
  type Timings,
} from "./recognizer";
export { bestBuild, loadRuntime, type Net, Runtime } from "./runtime";
export { type FoundCoin, findCoins } from "./segmentation";
