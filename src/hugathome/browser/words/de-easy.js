/** German in short sentences of common words, where it is not so already. */
import { easier } from "./easier.js";
import { words as usual } from "./de.js";

export const words = easier(usual, {
  early: "Es ist noch zu früh. Ab dann können Sie eintreten: {opens}. Sie können diese Seite offen lassen.",
  byPhone: "Wir rufen Sie am Telefon an. Behalten Sie Ihr Telefon bei sich.",
  codeText: "Der Code zeigt uns: Das sind Sie. Tippen Sie den Code hier ein.",
  devicesAsk: {
    video: "Wir möchten Sie sehen und hören. Ihr Gerät stellt Ihnen eine Frage. Sagen Sie Ja.",
    audio: "Wir möchten Sie hören. Ihr Gerät stellt Ihnen eine Frage. Sagen Sie Ja.",
  },
  devicesFound: {
    sound: "Ihre Kamera geht nicht. Wir können Sie hören. Wir können Sie nicht sehen.",
    picture: "Ihr Mikrofon geht nicht. Wir können Sie sehen. Wir können Sie nicht hören.",
    none: "Ihre Kamera und Ihr Mikrofon gehen nicht. Sie können uns sehen und hören. Wir können Sie nicht hören.",
  },
  devicesHow: {
    refused: "Wir dürfen Ihre Kamera nicht benutzen. Tippen Sie oben auf das Schloss. Erlauben Sie Kamera und Mikrofon. Versuchen Sie es dann noch einmal.",
    absent: "Es gibt keine Kamera oder kein Mikrofon. Schliessen Sie sie an. Versuchen Sie es dann noch einmal.",
    busy: "Eine andere App benutzt Ihre Kamera oder Ihr Mikrofon. Schliessen Sie die andere App. Versuchen Sie es dann noch einmal.",
  },
  waiting: "Das Behandlungsteam ist noch nicht da. Bitte warten Sie. Man lässt Sie herein.",
  waitingHere: "Das Behandlungsteam ist da. Bitte warten Sie noch einen Moment.",
  waitingRing: "Sind Sie an der Reihe? Dann läutet diese Seite.",
  waitingPlace: "Der Bildschirm darf dunkel werden. Sie behalten Ihren Platz.",
  noTexts: "Es gibt noch keine Mitteilung. Alle hier können Ihre Mitteilungen lesen.",
  qualityAdvice: {
    weak: "Das Internet ist langsam. Schalten Sie die Kamera aus. Dann wird der Ton besser.",
    far: "Das Internet ist langsam. Gehen Sie näher zum WLAN.",
    lost: "Man hört nichts mehr. Bitte warten Sie ein wenig. Immer noch nichts? Dann telefonieren Sie.",
  },
  links: {
    lost: "Es gibt immer noch kein Internet. Prüfen Sie Ihr WLAN. Oder rufen Sie uns an.",
  },
  leftText: "Die Sprechstunde geht weiter. Sie können noch zurückkommen.",
  calledBack: "Danke. Das Behandlungsteam sieht jetzt: Sie möchten einen Anruf.",
  problems: {
    "code-refused": "Dieser Code geht nicht. Schauen Sie den Code noch einmal an. Oder verlangen Sie einen neuen Code.",
    "too-many-attempts": "Es waren zu viele falsche Codes. Bitte rufen Sie uns an.",
    "link-unknown": "Dieser Link geht nicht. Bitte rufen Sie uns an.",
    "send-too-soon": "Ihr Code ist unterwegs. Bitte warten Sie ein wenig.",
    "quota-reached": "Wir können Ihnen jetzt keinen Code senden. Bitte rufen Sie uns an.",
    "not-yet-open": "Es ist noch zu früh. Kommen Sie kurz vor dem Termin wieder.",
    "grant-refused": "Mit dieser Seite können Sie nicht mehr eintreten. Öffnen Sie den Link in Ihrer SMS noch einmal.",
    "camera-lost": "Ihre Kamera geht nicht mehr. Wir können Sie noch hören.",
    "microphone-lost": "Ihr Mikrofon geht nicht mehr. Schliessen Sie es wieder an. Oder gehen Sie hinaus und wieder hinein.",
    offline: "Es gibt kein Internet. Prüfen Sie Ihr WLAN. Versuchen Sie es dann noch einmal.",
    unknown: "Das geht jetzt nicht. Versuchen Sie es noch einmal. Oder rufen Sie uns an.",
  },
});
