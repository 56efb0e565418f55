/** Italian in short sentences of common words, where it is not so already. */
import { easier } from "./easier.js";
import { words as usual } from "./it.js";

export const words = easier(usual, {
  early: "È troppo presto. Può entrare da questo momento: {opens}. Può lasciare aperta questa pagina.",
  byPhone: "La chiameremo al telefono. Tenga il telefono vicino a Lei.",
  codeText: "Il codice ci mostra che è Lei. Scriva qui il codice.",
  devicesAsk: {
    video: "Vogliamo vederla e sentirla. Il dispositivo Le fa una domanda. Dica di sì.",
    audio: "Vogliamo sentirla. Il dispositivo Le fa una domanda. Dica di sì.",
  },
  devicesFound: {
    sound: "La Sua videocamera non funziona. Possiamo sentirla. Non possiamo vederla.",
    picture: "Il Suo microfono non funziona. Possiamo vederla. Non possiamo sentirla.",
    none: "La Sua videocamera e il Suo microfono non funzionano. Lei può vederci e sentirci. Noi non possiamo sentirla.",
  },
  devicesHow: {
    refused: "Non possiamo usare la Sua videocamera. Tocchi il lucchetto in alto nella pagina. Consenta videocamera e microfono. Poi provi ancora.",
    absent: "Manca una videocamera o un microfono. Li colleghi. Poi provi ancora.",
    busy: "Un’altra applicazione usa la videocamera o il microfono. Chiuda l’altra applicazione. Poi provi ancora.",
  },
  waiting: "Il personale curante non è ancora qui. Aspetti, per favore. La faremo entrare.",
  waitingHere: "Il personale curante è qui. Aspetti ancora un momento.",
  waitingRing: "Tocca a Lei? Allora questa pagina suona.",
  waitingPlace: "Lo schermo può spegnersi. Lei tiene il Suo posto.",
  noTexts: "Non ci sono ancora messaggi. Tutti qui possono leggere i Suoi messaggi.",
  qualityAdvice: {
    weak: "Internet è lento. Spenga la videocamera. Così l’audio migliora.",
    far: "Internet è lento. Vada più vicino al Wi-Fi.",
    lost: "Non si sente niente. Aspetti un po’. Ancora niente? Allora usi il telefono.",
  },
  links: {
    lost: "Internet manca ancora. Guardi il Suo Wi-Fi. Oppure ci chiami.",
  },
  leftText: "La consultazione continua. Può ancora tornare.",
  calledBack: "Grazie. Il personale curante ora lo vede: Lei vuole una chiamata.",
  problems: {
    "code-refused": "Questo codice non funziona. Guardi ancora il codice. Oppure chieda un nuovo codice.",
    "too-many-attempts": "Ci sono stati troppi codici sbagliati. Ci chiami.",
    "link-unknown": "Questo link non funziona. Ci chiami.",
    "send-too-soon": "Il Suo codice sta arrivando. Aspetti un po’.",
    "quota-reached": "Ora non possiamo inviarle un codice. Ci chiami.",
    "not-yet-open": "È troppo presto. Torni poco prima dell’appuntamento.",
    "grant-refused": "Con questa pagina non può più entrare. Apra ancora il link del Suo SMS.",
    "camera-lost": "La Sua videocamera non funziona più. Possiamo ancora sentirla.",
    "microphone-lost": "Il Suo microfono non funziona più. Lo colleghi di nuovo. Oppure esca e rientri.",
    offline: "Internet manca. Guardi il Suo Wi-Fi. Poi provi ancora.",
    unknown: "Ora non funziona. Provi ancora. Oppure ci chiami.",
  },
});
