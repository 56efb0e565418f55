/** Romansh in short sentences of common words, where it is not so already. */
import { easier } from "./easier.js";
import { words as usual } from "./rm.js";

export const words = easier(usual, {
  early: "Igl è anc memia baud. Vus pudais entrar a partir da: {opens}. Vus pudais laschar averta questa pagina.",
  byPhone: "Nus telefonain a Vus. Tegnai Voss telefon sper Vus.",
  codeText: "Il code mussa a nus che Vus essas quai. Scrivai qua il code.",
  devicesAsk: {
    video: "Nus vulain vesair ed udir Vus. L’apparat As fa ina dumonda. Schai gea.",
    audio: "Nus vulain udir Vus. L’apparat As fa ina dumonda. Schai gea.",
  },
  devicesFound: {
    sound: "Vossa camera na va betg. Nus pudain udir Vus. Nus na pudain betg vesair Vus.",
    picture: "Voss microfon na va betg. Nus pudain vesair Vus. Nus na pudain betg udir Vus.",
    none: "Vossa camera e Voss microfon na van betg. Vus pudais vesair ed udir nus. Nus na pudain betg udir Vus.",
  },
  devicesHow: {
    refused: "Nus na pudain betg duvrar Vossa camera. Tutgai la serra sisum la pagina. Lubi la camera ed il microfon. Empruvai lura anc ina giada.",
    absent: "I manca ina camera u in microfon. Colliai els. Empruvai lura anc ina giada.",
    busy: "In’autra applicaziun dovra Vossa camera u Voss microfon. Serrai l’autra applicaziun. Empruvai lura anc ina giada.",
  },
  waiting: "Il team da tgira n’è anc betg qua. Spetgai, per plaschair. Nus As laschain entrar.",
  waitingHere: "Il team da tgira è qua. Spetgai anc in mument.",
  waitingRing: "È quai Vossa roda? Lura suna questa pagina.",
  waitingPlace: "Il visur po vegnir stgir. Vus tegnais Voss plaz.",
  noTexts: "I n’ha anc nagins messadis. Tuts qua pon leger Voss messadis.",
  qualityAdvice: {
    weak: "L’internet è plaun. Serrai Vossa camera. Lura vegn il tun meglier.",
    far: "L’internet è plaun. Giai pli datiers dal Wi-Fi.",
    lost: "Ins n’auda nagut. Spetgai in pau. Anc adina nagut? Lura telefonai.",
  },
  links: {
    lost: "Anc adina nagin internet. Controllai Voss Wi-Fi. U telefonai a nus.",
  },
  leftText: "La consultaziun cuntinuescha. Vus pudais anc turnar.",
  calledBack: "Grazia. Il team da tgira vesa uss: Vus vulais in clom.",
  problems: {
    "code-refused": "Quest code na va betg. Guardai anc ina giada Voss code. U dumandai in nov code.",
    "too-many-attempts": "I èn stads memia blers codes fauss. Telefonai a nus.",
    "link-unknown": "Questa colliaziun na va betg. Telefonai a nus.",
    "send-too-soon": "Voss code è sin via. Spetgai in pau.",
    "quota-reached": "Nus na pudain uss betg trametter in code. Telefonai a nus.",
    "grant-refused": "Cun questa pagina na pudais Vus betg pli entrar. Avri anc ina giada la colliaziun da Voss SMS.",
    "camera-lost": "Vossa camera na va betg pli. Nus pudain anc udir Vus.",
    "microphone-lost": "Voss microfon na va betg pli. Colliai el puspè. U bandunai e turnai.",
    offline: "Nagin internet. Controllai Voss Wi-Fi. Empruvai lura anc ina giada.",
    unknown: "Quai na va uss betg. Empruvai anc ina giada. U telefonai a nus.",
  },
});
