/** The camera: a live picture, and a photo out of it. */

export type CameraTrouble = "denied" | "none" | "busy" | "insecure";

export class CameraError extends Error {
  constructor(readonly trouble: CameraTrouble) {
    super(`no camera: ${trouble}`);
    this.name = "CameraError";
  }
}

/** Longer side of the frames that the live outline is drawn from: that of a net's input, for the net sees no more. */
const FRAME = 256;

/** A phone's rear camera; more pixels than this cost time and add nothing to a coin that fills a third. */
const WANTED: MediaTrackConstraints = {
  facingMode: { ideal: "environment" },
  width: { ideal: 1920 },
  height: { ideal: 1440 },
};

export interface Camera {
  readonly width: number;
  readonly height: number;
  /** A small copy of what is seen now. */
  frame(): Promise<ImageBitmap>;
  /** What is seen now, as a JPEG. */
  take(): Promise<Blob>;
  stop(): void;
}

/** Show the camera in `video`. Throws `CameraError`. */
export async function startCamera(video: HTMLVideoElement): Promise<Camera> {
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraError(isSecureContext ? "none" : "insecure");
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false });
  } catch (error) {
    throw new CameraError(trouble(error));
  }
  video.srcObject = stream;
  video.muted = true;
  video.playsInline = true;
  try {
    await video.play();
  } catch (error) {
    for (const track of stream.getTracks()) track.stop();
    throw new CameraError(trouble(error));
  }
  return {
    get width() {
      return video.videoWidth;
    },
    get height() {
      return video.videoHeight;
    },
    frame() {
      const share = FRAME / Math.max(video.videoWidth, video.videoHeight);
      return createImageBitmap(video, {
        resizeWidth: Math.max(Math.round(video.videoWidth * share), 1),
        resizeHeight: Math.max(Math.round(video.videoHeight * share), 1),
        resizeQuality: "low",
      });
    },
    async take() {
      const frame = await createImageBitmap(video);
      const canvas = new OffscreenCanvas(frame.width, frame.height);
      canvas.getContext("2d")?.drawImage(frame, 0, 0);
      frame.close();
      return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
    },
    stop() {
      for (const track of stream.getTracks()) track.stop();
      video.srcObject = null;
    },
  };
}

/** Whether the camera may be started without asking: somebody has allowed it before. */
export async function cameraAllowed(): Promise<boolean> {
  try {
    const permission = await navigator.permissions.query({ name: "camera" as PermissionName });
    return permission.state === "granted";
  } catch {
    return false;
  }
}

function trouble(error: unknown): CameraTrouble {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "none";
}
