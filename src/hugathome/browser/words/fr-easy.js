/** French in short sentences of common words, where it is not so already. */
import { easier } from "./easier.js";
import { words as usual } from "./fr.js";

export const words = easier(usual, {
  early: "C’est trop tôt. Vous pouvez entrer à ce moment\u00a0: {opens}. Vous pouvez laisser cette page ouverte.",
  byPhone: "Nous allons vous appeler au téléphone. Gardez votre téléphone près de vous.",
  codeText: "Le code nous montre que c’est vous. Tapez le code ici.",
  devicesAsk: {
    video: "Nous voulons vous voir et vous entendre. L’appareil vous pose une question. Dites oui.",
    audio: "Nous voulons vous entendre. L’appareil vous pose une question. Dites oui.",
  },
  devicesFound: {
    sound: "Votre caméra ne marche pas. Nous pouvons vous entendre. Nous ne pouvons pas vous voir.",
    picture: "Votre micro ne marche pas. Nous pouvons vous voir. Nous ne pouvons pas vous entendre.",
    none: "Votre caméra et votre micro ne marchent pas. Vous pouvez nous voir et nous entendre. Nous ne pouvons pas vous entendre.",
  },
  devicesHow: {
    refused: "Nous ne pouvons pas utiliser votre caméra. Touchez le cadenas en haut de la page. Autorisez la caméra et le micro. Puis essayez encore.",
    absent: "Il n’y a pas de caméra, ou pas de micro. Branchez-les. Puis essayez encore.",
    busy: "Une autre application utilise votre caméra ou votre micro. Fermez l’autre application. Puis essayez encore.",
  },
  waiting: "L’équipe soignante n’est pas encore là. Attendez, s’il vous plaît. On vous fera entrer.",
  waitingHere: "L’équipe soignante est là. Attendez encore un peu.",
  waitingRing: "C’est votre tour\u00a0? Alors cette page sonne.",
  waitingPlace: "L’écran peut s’éteindre. Vous gardez votre place.",
  noTexts: "Il n’y a pas encore de message. Tout le monde ici peut lire vos messages.",
  qualityAdvice: {
    weak: "Internet est lent. Coupez votre caméra. Alors le son est meilleur.",
    far: "Internet est lent. Allez plus près du Wi-Fi.",
    lost: "Il n’y a pas de son. Attendez un peu. Toujours pas de son\u00a0? Alors prenez le téléphone.",
  },
  links: {
    lost: "Il n’y a toujours pas d’Internet. Regardez votre Wi-Fi. Ou appelez-nous.",
  },
  leftText: "La consultation continue. Vous pouvez encore revenir.",
  calledBack: "Merci. L’équipe soignante le voit\u00a0: vous voulez un appel.",
  problems: {
    "code-refused": "Ce code ne marche pas. Regardez encore votre code. Ou demandez un nouveau code.",
    "too-many-attempts": "Il y a eu trop de codes faux. Appelez-nous.",
    "link-unknown": "Ce lien ne marche pas. Appelez-nous.",
    "send-too-soon": "Votre code arrive. Attendez un peu.",
    "quota-reached": "Nous ne pouvons pas vous envoyer de code maintenant. Appelez-nous.",
    "not-yet-open": "C’est trop tôt. Revenez un peu avant le rendez-vous.",
    "grant-refused": "Vous ne pouvez plus entrer par cette page. Ouvrez encore le lien de votre SMS.",
    "camera-lost": "Votre caméra ne marche plus. Nous pouvons encore vous entendre.",
    "microphone-lost": "Votre micro ne marche plus. Branchez-le encore. Ou quittez et revenez.",
    offline: "Il n’y a pas d’Internet. Regardez votre Wi-Fi. Puis essayez encore.",
    unknown: "Cela ne marche pas maintenant. Essayez encore. Ou appelez-nous.",
  },
});
