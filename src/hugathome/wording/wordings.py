"""What the library itself says, in five languages.

Every text is spelled within GSM-7. None says how long a code lives, because the same code is sent again
without living longer, and none names a person, a speciality or anything clinical.
`invitation_with_code` has at most 55 septets beside the link, with HUG@home.
"""

from collections.abc import Mapping
from types import MappingProxyType

from hugathome.roles import Language

WORDINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        Language.FRENCH: MappingProxyType(
            {
                "invitation": "{brand}: votre rendez-vous en ligne a lieu {when}. "
                "Gardez ce message et ouvrez alors:\n{link}\nUn code vous parviendra par SMS.",
                "invitation_without_sms": "{brand}: votre rendez-vous en ligne a lieu {when}. "
                "Ouvrez alors:\n{link}\nVous y demanderez votre code.",
                "moved": "{brand}: votre rendez-vous en ligne est déplacé et aura lieu {when}. "
                "Ouvrez alors:\n{link}",
                "reminder": "{brand}: rappel de votre rendez-vous en ligne {when}. Ouvrez alors:\n{link}",
                "invitation_with_code": "{code} est votre code {brand}. Rendez-vous en ligne:\n{link}",
                "link_first": "{brand}: votre rendez-vous en ligne. Le code suit dans un autre SMS.\n{link}",
                "code": "{code} est votre code {brand}. Ne le donnez à personne.",
                "code_to_read": "{code} est votre code {brand}. Lisez-le au téléphone.",
                "call": "{brand}: nous vous attendons maintenant. Ouvrez:\n{link}",
                "phone_invitation": "{brand}: nous vous téléphonerons {when} pour votre rendez-vous. "
                "L'appel peut venir d'un numéro masqué; nous dirons le mot {word}.",
                "phone_moved": "{brand}: rendez-vous déplacé: nous vous téléphonerons {when}. "
                "L'appel peut venir d'un numéro masqué; nous dirons le mot {word}.",
                "phone_reminder": "{brand}: rappel: nous vous téléphonerons {when}. "
                "L'appel peut venir d'un numéro masqué; nous dirons le mot {word}.",
                "phone_invitation_now": "{brand}: nous vous téléphonons sous peu pour votre rendez-vous. "
                "L'appel peut venir d'un numéro masqué; nous dirons le mot {word}.",
                "help": "Aide: {phone}",
            }
        ),
        Language.GERMAN: MappingProxyType(
            {
                "invitation": "{brand}: Ihr Online-Termin ist am {when}. "
                "Behalten Sie diese SMS und öffnen Sie dann:\n{link}\nEinen Code erhalten Sie per SMS.",
                "invitation_without_sms": "{brand}: Ihr Online-Termin ist am {when}. "
                "Öffnen Sie dann:\n{link}\nDort fordern Sie Ihren Code an.",
                "moved": "{brand}: Ihr Online-Termin wurde verschoben und ist neu am {when}. "
                "Öffnen Sie dann:\n{link}",
                "reminder": "{brand}: Erinnerung an Ihren Online-Termin am {when}. Öffnen Sie dann:\n{link}",
                "invitation_with_code": "{code} ist Ihr Code von {brand}. Ihr Online-Termin:\n{link}",
                "link_first": "{brand}: Ihr Online-Termin. Der Code folgt in einer weiteren SMS.\n{link}",
                "code": "{code} ist Ihr Code von {brand}. Geben Sie ihn nicht weiter.",
                "code_to_read": "{code} ist Ihr Code von {brand}. Lesen Sie ihn uns vor.",
                "call": "{brand}: Wir sind jetzt für Sie bereit. Bitte öffnen:\n{link}",
                "phone_invitation": "{brand}: Wir rufen Sie am {when} zu Ihrem Termin an. "
                "Unsere Nummer kann unterdrückt sein; wir nennen das Wort {word}.",
                "phone_moved": "{brand}: Neuer Termin: Wir rufen Sie am {when} an. "
                "Unsere Nummer kann unterdrückt sein; wir nennen das Wort {word}.",
                "phone_reminder": "{brand}: Zur Erinnerung: Wir rufen Sie am {when} an. "
                "Unsere Nummer kann unterdrückt sein; wir nennen das Wort {word}.",
                "phone_invitation_now": "{brand}: Wir rufen Sie in Kürze zu Ihrem Termin an. "
                "Unsere Nummer kann unterdrückt sein; wir nennen das Wort {word}.",
                "help": "Hilfe: {phone}",
            }
        ),
        Language.ITALIAN: MappingProxyType(
            {
                "invitation": "{brand}: il Suo appuntamento online è {when}. "
                "Conservi questo SMS e apra allora:\n{link}\nRiceverà un codice per SMS.",
                "invitation_without_sms": "{brand}: il Suo appuntamento online è {when}. "
                "Apra allora:\n{link}\nLì chiederà il Suo codice.",
                "moved": "{brand}: il Suo appuntamento online è spostato e sarà {when}. Apra allora:\n{link}",
                "reminder": "{brand}: promemoria del Suo appuntamento online {when}. Apra allora:\n{link}",
                "invitation_with_code": "{code} è il Suo codice {brand}. Il Suo appuntamento:\n{link}",
                "link_first": "{brand}: il Suo appuntamento online. Il codice segue in un altro SMS.\n{link}",
                "code": "{code} è il Suo codice {brand}. Non lo dia a nessuno.",
                "code_to_read": "{code} è il Suo codice {brand}. Lo legga al telefono.",
                "call": "{brand}: La aspettiamo adesso. Apra:\n{link}",
                "phone_invitation": "{brand}: La chiameremo {when} per il Suo appuntamento. "
                "Il nostro numero può essere nascosto; diremo la parola {word}.",
                "phone_moved": "{brand}: appuntamento spostato: La chiameremo {when}. "
                "Il nostro numero può essere nascosto; diremo la parola {word}.",
                "phone_reminder": "{brand}: promemoria: La chiameremo {when}. "
                "Il nostro numero può essere nascosto; diremo la parola {word}.",
                "phone_invitation_now": "{brand}: La chiamiamo tra poco per il Suo appuntamento. "
                "Il nostro numero può essere nascosto; diremo la parola {word}.",
                "help": "Aiuto: {phone}",
            }
        ),
        Language.ROMANSH: MappingProxyType(
            {
                "invitation": "{brand}: Voss termin online è {when}. "
                "Tegnai quest SMS ed avri lura:\n{link}\nVus survegnis in code per SMS.",
                "invitation_without_sms": "{brand}: Voss termin online è {when}. "
                "Avri lura:\n{link}\nLà dumandais Vus Voss code.",
                "moved": "{brand}: Voss termin online è spustà ed è nov {when}. Avri lura:\n{link}",
                "reminder": "{brand}: regurdientscha: Voss termin online è {when}. Avri lura:\n{link}",
                "invitation_with_code": "{code} è Voss code da {brand}. Voss termin online:\n{link}",
                "link_first": "{brand}: Voss termin online. Il code suonda en in auter SMS.\n{link}",
                "code": "{code} è Voss code da {brand}. Betg dar vinavant.",
                "code_to_read": "{code} è Voss code da {brand}. Legiai el al telefon.",
                "call": "{brand}: Nus essan uss pronts per Vus. Avri per plaschair:\n{link}",
                "phone_invitation": "{brand}: Nus telefonain a Vus {when} per Voss termin. "
                "Noss numer po esser zuppà; nus schain il pled {word}.",
                "phone_moved": "{brand}: Voss termin è spustà: nus telefonain a Vus {when}. "
                "Noss numer po esser zuppà; nus schain il pled {word}.",
                "phone_reminder": "{brand}: regurdientscha: nus telefonain a Vus {when}. "
                "Noss numer po esser zuppà; nus schain il pled {word}.",
                "phone_invitation_now": "{brand}: Nus telefonain a Vus bainprest per Voss termin. "
                "Noss numer po esser zuppà; nus schain il pled {word}.",
                "help": "Agid: {phone}",
            }
        ),
        Language.ENGLISH: MappingProxyType(
            {
                "invitation": "{brand}: your online appointment is on {when}. "
                "Keep this SMS and open the link then:\n{link}\nA code will reach you by SMS.",
                "invitation_without_sms": "{brand}: your online appointment is on {when}. "
                "Open then:\n{link}\nYou ask for your code there.",
                "moved": "{brand}: your online appointment has been moved to {when}. Open then:\n{link}",
                "reminder": "{brand}: a reminder of your online appointment on {when}. Open then:\n{link}",
                "invitation_with_code": "{code} is your {brand} code. Your online appointment:\n{link}",
                "link_first": "{brand}: your online appointment. The code follows in another SMS.\n{link}",
                "code": "{code} is your {brand} code. Give it to nobody.",
                "code_to_read": "{code} is your {brand} code. Read it to us by phone.",
                "call": "{brand}: we are ready for you now. Please open:\n{link}",
                "phone_invitation": "{brand}: we will phone you on {when} for your appointment. "
                "Our number may be withheld; we will say the word {word}.",
                "phone_moved": "{brand}: your appointment is moved: we will phone you on {when}. "
                "Our number may be withheld; we will say the word {word}.",
                "phone_reminder": "{brand}: a reminder: we will phone you on {when}. "
                "Our number may be withheld; we will say the word {word}.",
                "phone_invitation_now": "{brand}: we are about to phone you for your appointment. "
                "Our number may be withheld; we will say the word {word}.",
                "help": "Help: {phone}",
            }
        ),
    }
)
