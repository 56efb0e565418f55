/** English in short sentences of common words, where it is not so already. */
import { easier } from "./easier.js";
import { words as usual } from "./en.js";

export const words = easier(usual, {
  early: "It is too early. You can come in at this time: {opens}. You can leave this page open.",
  byPhone: "We will call you on your telephone. Keep your telephone with you.",
  codeText: "The code shows us that it is you. Type the code here.",
  devicesAsk: {
    video: "We want to see you and hear you. Your device will ask you a question. Say yes.",
    audio: "We want to hear you. Your device will ask you a question. Say yes.",
  },
  devicesFound: {
    sound: "Your camera does not work. We can hear you. We cannot see you.",
    picture: "Your microphone does not work. We can see you. We cannot hear you.",
    none: "Your camera and your microphone do not work. You can see us and hear us. We cannot hear you.",
  },
  devicesHow: {
    refused: "We may not use your camera. Press the lock at the top of the page. Allow the camera and the microphone. Then try again.",
    absent: "There is no camera, or no microphone. Plug them in. Then try again.",
    busy: "Another app uses your camera or your microphone. Close the other app. Then try again.",
  },
  waiting: "The care team is not here yet. Please wait. You will be let in.",
  waitingHere: "The care team is here. Please wait a moment.",
  waitingRing: "Is it your turn? Then this page rings.",
  waitingPlace: "The screen can go dark. You still keep your place.",
  noTexts: "There are no messages yet. Everybody in the visit can read your messages.",
  qualityAdvice: {
    weak: "The internet is slow. Turn your camera off. Then the sound is better.",
    far: "The internet is slow. Go closer to the Wi-Fi.",
    lost: "There is no sound. Please wait a little. Still no sound? Then use the telephone.",
  },
  links: {
    lost: "There is still no internet. Look at your Wi-Fi. Or call us.",
  },
  leftText: "The visit goes on. You can still come back.",
  calledBack: "Thank you. The care team can see now: You want a call.",
  problems: {
    "code-refused": "This code does not work. Look at your code again. Or ask for a new code.",
    "too-many-attempts": "There were too many wrong codes. Please call us.",
    "link-unknown": "This link does not work. Please call us.",
    "send-too-soon": "Your code is on its way. Please wait a little.",
    "quota-reached": "We cannot send you a code now. Please call us.",
    "not-yet-open": "It is too early. Come back a little before your appointment.",
    "grant-refused": "You cannot come in with this page any more. Open the link in your SMS again.",
    "camera-lost": "Your camera does not work any more. We can still hear you.",
    "microphone-lost": "Your microphone does not work any more. Plug it in again. Or leave and come back.",
    offline: "There is no internet. Look at your Wi-Fi. Then try again.",
    unknown: "This does not work now. Try again. Or call us.",
  },
});
