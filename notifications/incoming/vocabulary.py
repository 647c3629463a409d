"""The words in which a stop, a start, help, a yes and a call are asked for. Data, as `spelling`
leaves a text: small letters, no accents, no apostrophes, no polite words.

What the carrier takes by itself is in here whole: STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT,
OPTOUT and REVOKE end, START and UNSTOP begin again, HELP and INFO help.
"""

import re

# Said of messages, and of visits: which of them is to be stopped decides.
MESSAGE = (
    r"(?:texts?|txts?|texting|txting|messages?|messaging|msgs?|sms|reminders?|notifications?"
    r"|alerts?|spam|textos?|mensajes?|mensajitos?|recordatorios?|notificacion(?:es)?|avisos?"
    r"|alertas?)"
)
VISIT = (
    r"(?:appointments?|appts?|visits?|cleanings?|checkups?|slots?"
    r"|citas?|turnos?|visitas?|consultas?|limpiezas?)"
)
# Words between "stop" and "texts" that show that something else is to be stopped.
ELSEWHERE = (
    r"(?:by|in|at|over|and|when|then|if|before|after|to|or|miss|lose|forget|so|para|y|perder|si"
    rf"|(?!sending|getting|receiving|annoying)\w+ing|{VISIT}(?! {MESSAGE}))\b"
)
GAP = rf"(?:(?!{ELSEWHERE})\w+ ){{0,5}}?"

# Enough by themselves, or as a sentence of their own in a longer text.
STOP_ALONE = {
    *("stop", "stop all", "stopall", "unsubscribe", "unsub", "unsubscribe me", "optout"),
    *("opt out", "opt me out", "revoke", "cease", "desist", "cease and desist", "discontinue"),
    *("quit", "stop it", "stop this", "stop that", "stop these", "stop now", "quit it"),
    *("stop everything", "stop me", "stop sms", "leave me alone", "leave us alone"),
    *("alto", "pare", "paren", "parale", "basta", "no mas", "detente", "detengase"),
    *("detenganse", "desuscribir", "desuscribirme", "revoco", "dejenme en paz", "stop 2 end"),
}
# Enough only as the whole text: in a sentence they may be about anything.
STOP_AS_A_WHOLE = {
    *("no more", "enough", "enough already", "halt", "block", "exit", "para", "parar", "baja"),
    *("de baja", "detener", "suspender", "suspendan", "salir", "borrame", "borrenme"),
    *("quitenme", "quiteme", "quitame", "saquenme", "sacame", "eliminenme"),
    *("stop end", "stop quit", "stop 1", "no quiero mas", "not any more"),
}
# A stop, as carriers and the law take it, though the patient may have meant the visit (M-05).
MAY_MEAN_THE_VISIT = {
    *("cancel", "cancelled", "canceled", "cancel all", "end", "ended", "end all", "remove"),
    *("delete", "cancelar", "cancela", "cancele", "cancelen", "cancelo", "cancelado", "fin"),
    *("terminar", "finalizar", "eliminar", "quitar", "borrar", "anular"),
}
ENGLISH_STOPS = (
    # stop ... texts
    r"\b(?:stop|quit|end|cease|halt|discontinue|cancel|disable|terminate|deactivate|suspend"
    rf"|turn off|shut off|block|no more|enough|done with|rid of|out of) {GAP}{MESSAGE}\b",
    rf"\bturn (?:these|those|them|this|(?:\w+ )?{MESSAGE}) off\b",
    rf"\b{MESSAGE} (?:to|must|should|(?:need|have) to) (?:stop|end)\b",
    r"\b(?:stop|quit|cease) (?:the |all |this |with (?:the |all )?)?(?:texting|txting|msging"
    r"|messaging|contacting|bothering|harassing|spamming|sending|bugging|annoying)\b",
    r"\b(?:stop|quit) (?:calling|emailing) (?:me|us)\b(?! text)",
    r"\b(?:stop|quit) (?:getting|receiving) (?:these|those|this|them|any|anything|it)\b",
    r"\b(?:cancel|end|stop) (?:my |the |this )?(?:text )?subscription\b",
    # do not text me
    r"(?<!you )(?<!they )(?<!we )(?<!\bi )\b(?:dont|do not|please not) (?:ever )?"
    r"(?:text|txt|message|msg|contact|bother|spam) ?"
    r"(?:me|us|my number|this number|my phone)?"
    r"(?: any ?more| again| ever| at all| at this number|$)",
    r"\bnever (?:text|txt|message|msg|contact) (?:me|us|this number)"
    r" (?:again|any ?more|ever)\b",
    r"(?<!you )(?<!they )(?<!we )\b(?:dont|do not) send (?:me |us )?"
    rf"(?:any ?more|any|anything|these|those|{MESSAGE})\b",
    # I do not want texts
    r"\b(?:dont|do not|no longer|not|never)"
    r" (?:want|wish|need|like|care|asked?|agreed?|signed up)"
    rf" (?:to (?:get|receive|have|be getting|be receiving) |for )?{GAP}{MESSAGE}\b",
    r"\b(?:dont|do not|no longer) (?:want|wish|need) (?:to (?:get|receive) )?"
    r"(?:any of )?these\b",
    r"\b(?:dont|do not|no longer|not) (?:want|wish|like) (?:you )?to (?:be )?"
    r"(?:text|txt|messag|contact|bother)\w*",
    rf"^no (?:more )?(?:text |sms )?{MESSAGE}(?: any ?more)?$",
    # by its name
    r"\bunsubscri\w+|\bunsub\b|\bopt(?:ing|ed)? ?(?:me |us )?out\b|\boptout\b|\bstopall\b",
    r"\brevok(?:e|ing|ed)\b|\bwithdraw(?:ing|n)? (?:my |our |the )?consent\b",
    r"\b(?:dont|do not|no longer|never) (?:g[ia]ve )?(?:you )?(?:my )?consent(?:ed)?\b",
    # take me off the list
    r"\b(?:take|remove|delete|drop|get)"
    r" (?:me|us|this number|my (?:\w+ )?(?:number|phone|name)) (?:off|from|out of)"
    rf" {GAP}(?:lists?|system|database|contacts|records|{MESSAGE})\b",
    r"\btake (?:me|us|my number|this number) off$",
    r"\b(?:remove|delete|erase|lose|forget|drop)"
    r" (?:(?:my|this) (?:\w+ )?(?:number|info)\b(?! for\b)|me$)",
    r"\bleave (?:me|us) alone\b",
    # "stop" first or last in a sentence about nothing else
    r"^stop (?:i|im|ive|id|you|u|ur|youre|we|wrong|who|not|never|dont|already|immediately"
    r"|me|us)\b",
    r"^(?:(?:wrong|number|person|i|ive|said|say|told|asked|you|u|to|want|wanted|need|would"
    r"|like|id|im|just|can|could|this|all|it|for|the|last|time|again|me|not|interested|a"
    r"|patient|here) )+stop(?: it| this| that| now| already)?$",
    r"^(?!.*\b(?:a|the|bus|next|will|does|did|it|when|how|should|would|could|can|cant|may"
    r"|must|ill|before|until|light|and|or|no|to)\b)(?:\w+ ){1,6}stop$",
)
SPANISH_STOPS = (
    # no me manden mas mensajes
    r"\bno (?:me |nos |le |les )?(?:envies?|envien|enviar|enviarme|mandes?|manden|mandar"
    rf"|mandarme)(?: mas\b| nada\b| esto| {GAP}{MESSAGE}\b|$)",
    r"\bno (?:me |nos |le |les )?(?:escribas?|escriban|escribir|escribirme|textees?|texteen"
    r"|textear|contactes?|contacten|contactar|molestes?|molesten|molestar|notifiquen?)\b"
    r"(?! (?:antes|despues|hasta|al|en))",
    # no quiero recibir mensajes
    rf"\bno (?:quiero|deseo|queremos|necesito|requiero) {GAP}{MESSAGE}\b",
    r"\bno (?:quiero|deseo|queremos) (?:recibir|que me|que nos|ser contactad)",
    # dejen de mandar, paren los mensajes
    r"\b(?:deje|deja|dejen|pare|paren|para|paran|parar|dejar) de"
    r" (?:mand|envi|escrib|text|molest|contact|fastidi|spam)\w*",
    r"\b(?:dejar|parar) de recibir\b",
    r"\b(?:pare|paren|parar|detenga|detengan|detener|cese|cesen|suspenda|suspendan|suspender"
    r"|cancele|cancelen|cancelar|cancela|quite|quiten|quitar|elimine|eliminen|eliminar"
    rf"|desactive|desactiven|desactivar|basta de|basta con|no mas|alto a|alto) {GAP}{MESSAGE}\b",
    # by its name
    r"\b(?:darme|dame|denme|deme|darnos|dar|doy|solicito|quiero|pido) (?:de |la |una )?baja\b",
    r"\bdesu[bs]?s?cri\w+|\bdesinscri\w+",
    r"\b(?:cancel|anul)\w+ (?:mi |la )?su[bs]?scripcion\b",
    r"\b(?:revoco|revocar|retiro|retirar) (?:mi |el )?"
    r"(?:consentimiento|permiso|autorizacion)\b",
    r"\bno (?:doy|autorizo|consiento)\b",
    # borren mi numero de la lista
    r"\b(?:borr|elimin|quit|saqu|sac|retir)\w* (?:mi|este) numero\b",
    r"\b(?:borr|elimin|quit|saqu|sac|retir)\w*(?:me|nos)? de (?:la|su|sus|esta|tu) lista",
    r"\bdej(?:e|a|en)(?:me|nos) en paz\b",
)
STOP_SAID = [re.compile(pattern) for pattern in ENGLISH_STOPS + SPANISH_STOPS]
# The opposite of a stop.
NOT_A_STOP = re.compile(
    r"\b(?:dont|do not|never|not|didnt|did not|wont|cant|cannot|doesnt|does not)"
    r" (?:(?:want|wish|mean|plan|need) (?:me |you |us )?(?:to )?|ever )?"
    r"(?:stop|quit|cancel|end|unsubscri\w+|opt(?:ed)? out|optout|revoke|remove me)\b"
    r"|\bno (?:pare|paren|deje|dejen|cancele|cancelen"
    r"|quiero (?:cancelar|dejar|parar|darme))\b"
)
# A phone's "Liked ...", which quotes our own words back to us.
REACTION = re.compile(
    r"^\W*(?:liked|loved|disliked|emphasized|laughed at|questioned|reacted|removed|le gusto"
    r"|le encanto|no le gusto|le dio risa|reacciono|destaco|pregunto)\b[^\"“«]{0,40}[\"“«]"
    r"|^[^a-z]{1,9}(?:to|a) [\"“«]"
)
# How our own texts end.
OUR_CLOSING = re.compile(r"\b(?:reply |responda |envie )?stop (?:to opt out|para \w+(?: \w+){0,2})")

# Only as the whole text.
START = {"start", "unstop", "alta", "empezar", "start again", "unstop me"}
HELP = {
    *("help", "help me", "info", "information", "need help", "i need help"),
    *("ayuda", "ayudame", "ayudenme", "informacion", "necesito ayuda"),
}
CONFIRM = re.compile(
    r"(?:(?:reply|press|option|number|opcion|numero) )?(?:1|one|uno)"
    r"(?: to confirm| confirm(?:ed|o)?)?"
    r"|(?:(?:i|we|id like to|i want to|want to|quiero) )?(?:confirm|confirmed|confirming"
    r"|confirmo|confirmar|confirmado|confirmada|confirmamos)(?: 1)?"
    rf"(?: (?:my|the|our|this|mi|la|nuestra)(?: {VISIT}))?(?: {VISIT})?"
)
# Around what names one of a household's visits, where a yes is said as well.
YES_BEFORE = re.compile(
    r"^(?:(?:reply|press) )?(?:(?:i|we|id like to|i want to|quiero) )?"
    r"(?:confirm|confirmed|confirming|confirmo|confirmar|confirmamos)(?: (?:for|para|1))?"
    r"(?= )|^(?:reply|press)(?= )"
)
YES_AFTER = re.compile(r" (?:to confirm|para confirmar|confirm(?:ed|o|ad[oa]s?)?|only)$")
# "the visit A", "la cita A", "only A"
BEFORE_A_LETTER = re.compile(rf"^(?:(?:only|solo) )?(?:(?:the|la|las) )?(?:{VISIT} )?")
BETWEEN_LETTERS = re.compile(r"\b(?:and|y|plus)(?: (?:the|la))?\b")
ONES = {"1": "1", "one": "1", "uno": "1"}
_THEM = rf"(?:the |las |los )?(?:kids|children|ninos|hijos|times|{VISIT})"
OF_WHOM = rf"(?: (?:of (?:them|us)|{_THEM}))?(?: 1)?"
BOTH = re.compile(
    r"(?:1 )?(?:both|boht|bohth|btoh|the two|ambos|ambas|anbas|(?:los|las) dos)" + OF_WHOM
)
ALL = re.compile(
    r"(?:1 )?(?:all(?: three)?|todos|todas|everyone|everybody|(?:los|las) tres)" + OF_WHOM
)
CALL_ABOUT = re.compile(r"2 ?[a-f](?: ?[a-f])*")
# Pictures that go with a yes; any other may be the no that the words leave out.
GLAD = frozenset("👍👌🙏✅✔☑🆗💯😀😁😃😄😊🙂🙃😉😍🥰😇🤗🎉❤💙💚💛💜🤍🦷😬👏🙌📅🗓⏰🕘🕙👦👧👶👪")
CALL = re.compile(
    r"(?:(?:reply|press|option|number|opcion|numero) )?(?:2|two|dos)(?: call(?: me)?)?"
    r"|(?:(?:can|could|would|will) (?:you|someone|somebody) )?(?:have someone )?"
    r"call(?: me)?(?: back)?"
    r"|(?:(?:i )?(?:need|want|would like) )?a call(?: back)?"
    r"|(?:can you )?give me a call(?: back)?"
    r"|llamame|llameme|llamenme|llamar|llamen|llamada|(?:me |nos )?pueden? llamar(?:me|nos)?"
)
