/** The live camera, which browsers give to secure pages alone. */

import {PageError} from './errors.mjs';

const REASONS = {
  NotAllowedError:
      'The camera was refused: allow it for this page in the browser\'s settings.',
  NotFoundError: 'This device has no camera.',
  NotReadableError: 'The camera is in use by another program.',
};

/**
 * Why there is no camera here, or nothing.
 *
 * @return {string} A sentence, empty where there may be one.
 */
export function cameraRefusal() {
  return navigator.mediaDevices?.getUserMedia ? '' : 'The live camera needs https.';
}

/**
 * Starts the camera that looks away from the user, where there are two.
 *
 * @param {HTMLVideoElement} video Where it plays.
 */
export async function startCamera(video) {
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia(
        {video: {facingMode: 'environment'}, audio: false});
    await video.play();
  } catch (error) {
    stopCamera(video);
    throw new PageError(
        REASONS[error.name] ?? `The camera did not start: ${error.message}.`);
  }
}

/**
 * Gives the camera back.
 *
 * @param {HTMLVideoElement} video Where it plays.
 */
export function stopCamera(video) {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}
