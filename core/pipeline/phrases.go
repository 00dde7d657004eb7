package pipeline

import (
	"penstock/core/event"
	"penstock/core/sift"
)

// The sentences that the rules' answers are made of. Values in braces are put
// in by the stage that uses the sentence; a test holds that the languages agree.

// reasonTexts say what each kind of evidence means, indexed by kind.
var reasonTexts = [...]Text{
	sift.NewTemplate: {
		"First time that {program} on {host} writes this message",
		"Primera vez que {program} en {host} escribe este mensaje",
		"{program} auf {host} schreibt diese Meldung zum ersten Mal",
		"Première fois que {program} sur {host} écrit ce message",
	},
	sift.NewProgram: {
		"First time that {program} is seen on {host}",
		"Primera vez que se ve {program} en {host}",
		"{program} ist auf {host} zum ersten Mal zu sehen",
		"Première fois que {program} est vu sur {host}",
	},
	sift.SignalMatch: {
		"{title}{by} (signal {signal})",
		"{title}{by} (señal {signal})",
		"{title}{by} (Signal {signal})",
		"{title}{by} (signal {signal})",
	},
	sift.Repeated: {
		"{events}{by} within {window}",
		"{events}{by} en {window}",
		"{events}{by} innerhalb von {window}",
		"{events}{by} en {window}",
	},
	sift.Burst: {
		"{events}{by} within {window}, far more than usual",
		"{events}{by} en {window}, mucho más de lo habitual",
		"{events}{by} innerhalb von {window}, weit mehr als üblich",
		"{events}{by} en {window}, bien plus que d'habitude",
	},
	sift.FanOut: {
		"{distinct}{by} within {window}",
		"{distinct}{by} en {window}",
		"{distinct}{by} innerhalb von {window}",
		"{distinct}{by} en {window}",
	},
	sift.SuccessAfter: {
		"A success{by} after {failures} within {window}",
		"Un éxito{by} tras {failures} en {window}",
		"Ein Erfolg{by} nach {failures} innerhalb von {window}",
		"Une réussite{by} après {failures} en {window}",
	},
	sift.OddTime: {
		"Never seen on {host} at this hour of the week{by}",
		"Nunca visto en {host} a esta hora de la semana{by}",
		"Auf {host} zu dieser Stunde der Woche noch nie gesehen{by}",
		"Jamais vu sur {host} à cette heure de la semaine{by}",
	},
	sift.SourceSeverity: {
		"{program} itself rates this {severity}{by}",
		"El propio {program} le da gravedad {severity}{by}",
		"{program} selbst stuft das als {severity} ein{by}",
		"{program} lui-même lui donne la gravité {severity}{by}",
	},
	sift.Returned: {
		"Known, but not seen for {window}",
		"Conocido, pero no visto en {window}",
		"Bekannt, aber seit {window} nicht gesehen",
		"Connu, mais pas vu depuis {window}",
	},
	sift.HostMismatch: {
		"The line names another host than the one that sent it{by}",
		"La línea nombra otro equipo que el que la envió{by}",
		"Die Zeile nennt einen anderen Rechner als den, der sie gesendet hat{by}",
		"La ligne nomme une autre machine que celle qui l'a envoyée{by}",
	},
	sift.ImpossibleTime: {
		"The time in the line cannot be true",
		"La hora de la línea no puede ser cierta",
		"Die Zeit in der Zeile kann nicht stimmen",
		"L'heure dans la ligne ne peut pas être vraie",
	},
	sift.Instructing: {
		"Text that tries to instruct whoever reads it",
		"Texto que intenta dar instrucciones a quien lo lee",
		"Text, der seinem Leser Anweisungen geben will",
		"Texte qui tente de donner des instructions à son lecteur",
	},
	sift.Problem: {
		"Zabbix shows a problem on {host}, by its own measure {severity}",
		"Zabbix muestra un problema en {host}, según su propia escala {severity}",
		"Zabbix zeigt ein Problem auf {host}, nach eigenem Maß {severity}",
		"Zabbix signale un problème sur {host}, selon sa propre échelle {severity}",
	},
	sift.OddValue: {
		"A measured value on {host} is far from all that was normal",
		"Un valor medido en {host} está lejos de todo lo normal",
		"Ein Messwert auf {host} liegt weit von allem, was normal war",
		"Une mesure sur {host} est loin de tout ce qui était normal",
	},
	sift.Recovered: {
		"A problem in Zabbix is over",
		"Un problema en Zabbix ha terminado",
		"Ein Problem in Zabbix ist vorbei",
		"Un problème dans Zabbix est terminé",
	},
}

// distinctTexts say of what there were many different ones, by the field that
// was counted; distinctOther says it of any other field.
var distinctTexts = map[string]Text{
	"": {
		"{count} different targets touched", "{count} destinos distintos tocados",
		"{count} verschiedene Ziele berührt", "{count} cibles différentes touchées",
	},
	event.KeyUser: {
		"{count} different accounts tried", "{count} cuentas distintas probadas",
		"{count} verschiedene Konten probiert", "{count} comptes différents essayés",
	},
	event.KeyPort: {
		"{count} different ports tried", "{count} puertos distintos probados",
		"{count} verschiedene Ports probiert", "{count} ports différents essayés",
	},
	event.KeyPeer: fromAddresses,
	"address":     fromAddresses,
	event.KeyTarget: {
		"{count} different target addresses tried", "{count} direcciones de destino distintas probadas",
		"{count} verschiedene Zieladressen probiert", "{count} adresses cibles différentes essayées",
	},
	event.KeyURL: {
		"{count} different pages requested", "{count} páginas distintas pedidas",
		"{count} verschiedene Seiten abgefragt", "{count} pages différentes demandées",
	},
	"host": {
		"{count} different hosts touched", "{count} equipos distintos tocados",
		"{count} verschiedene Rechner berührt", "{count} machines différentes touchées",
	},
}

var (
	fromAddresses = Text{
		"{count} different addresses used", "{count} direcciones distintas usadas",
		"{count} verschiedene Adressen benutzt", "{count} adresses différentes utilisées",
	}
	distinctOther = Text{
		"{count} different values of {field}", "{count} valores distintos de {field}",
		"{count} verschiedene Werte von {field}", "{count} valeurs différentes de {field}",
	}
)

// How a reason names its subject, put in for {by}.
var (
	byAddress = Text{" from {subject}", " desde {subject}", " von {subject}", " depuis {subject}"}
	byUser    = Text{" for account {subject}", " de la cuenta {subject}", " für Konto {subject}", " pour le compte {subject}"}
	byProgram = Text{" in {subject}", " en {subject}", " bei {subject}", " dans {subject}"}
	byOther   = Text{" ({subject})", " ({subject})", " ({subject})", " ({subject})"}
	claimed   = Text{"{value} (as the text claims)", "{value} (según el texto)", "{value} (laut Text)", "{value} (d'après le texte)"}
	quoted    = Text{"“{value}”", "«{value}»", "„{value}“", "«\u00a0{value}\u00a0»"}
	noHost    = Text{"an unnamed host", "un equipo sin nombre", "einem unbenannten Rechner", "une machine sans nom"}
	noProgram = Text{"a program", "un programa", "ein Programm", "un programme"}
	moreOf    = Text{"{list} and {count} more", "{list} y {count} más", "{list} und {count} weitere", "{list} et {count} de plus"}
)

// Stage 3: what the severity and the confidence rest on.
var (
	floorReason = Text{
		"Rules rate it {severity}: {class}",
		"Las reglas le dan gravedad {severity}: {class}",
		"Die Regeln stufen es als {severity} ein: {class}",
		"Les règles lui donnent la gravité {severity} : {class}",
	}
	effectShown = Text{
		"The lines show an effect, not only an attempt",
		"Las líneas muestran un efecto, no solo un intento",
		"Die Zeilen zeigen eine Wirkung, nicht nur einen Versuch",
		"Les lignes montrent un effet, pas seulement une tentative",
	}
	noEffect = Text{
		"No line confirms an effect yet",
		"Ninguna línea confirma aún un efecto",
		"Noch bestätigt keine Zeile eine Wirkung",
		"Aucune ligne ne confirme encore d'effet",
	}
	peerObserved = Text{
		"The other side was observed, not only named in the text",
		"La otra parte fue observada, no solo nombrada en el texto",
		"Die Gegenseite wurde beobachtet, nicht nur im Text genannt",
		"L'autre partie a été observée, pas seulement nommée dans le texte",
	}
	weakSource = Text{
		"Anybody could have sent these lines: the source is not authenticated",
		"Cualquiera pudo enviar estas líneas: la fuente no está autenticada",
		"Diese Zeilen kann jeder gesendet haben: Die Quelle ist nicht authentifiziert",
		"N'importe qui a pu envoyer ces lignes : la source n'est pas authentifiée",
	}
	severalKinds = Text{
		"{count} kinds of evidence agree",
		"Coinciden {count} tipos de indicios",
		"{count} Arten von Hinweisen stimmen überein",
		"{count} sortes d'indices concordent",
	}
	modelSilenced = Text{
		"Text in the case tries to instruct: rules alone decide",
		"Un texto del caso intenta dar instrucciones: deciden solo las reglas",
		"Text im Fall will Anweisungen geben: Nur Regeln entscheiden",
		"Un texte du cas tente de donner des instructions : les règles seules décident",
	}
)

// Stage 5: the sentences around the playbook.
var (
	headlineText = Text{"{class}: {host}{by}", "{class}: {host}{by}", "{class}: {host}{by}", "{class} : {host}{by}"}
	factOnce     = Text{"{events}, {from}.", "{events}, {from}.", "{events}, {from}.", "{events}, {from}."}
	factSpan     = Text{
		"{events} between {from} and {to}.", "{events} entre {from} y {to}.",
		"{events} zwischen {from} und {to}.", "{events} entre {from} et {to}.",
	}
	factPeers    = Text{"Other side: {list}.", "Otra parte: {list}.", "Gegenseite: {list}.", "Autre partie : {list}."}
	factUsers    = Text{"Accounts: {list}.", "Cuentas: {list}.", "Konten: {list}.", "Comptes : {list}."}
	factPrograms = Text{"Programs: {list}.", "Programas: {list}.", "Programme: {list}.", "Programmes : {list}."}
	factTargets  = Text{"Also reached: {list}.", "También alcanzado: {list}.", "Ebenfalls erreicht: {list}.", "Également atteint : {list}."}

	sureText   = Text{"{word} ({confidence} of 100).", "{word} ({confidence} de 100).", "{word} ({confidence} von 100).", "{word} ({confidence} sur 100)."}
	sureWeak   = Text{"A hint, no more", "Un indicio, no más", "Ein Hinweis, mehr nicht", "Un indice, pas plus"}
	sureLikely = Text{"Likely", "Probable", "Wahrscheinlich", "Probable"}
	sureStrong = Text{"Well supported", "Bien fundado", "Gut belegt", "Bien étayé"}

	carriesPlant = Text{
		"Traffic of the plant passes through it.", "Por él pasa tráfico de la planta.",
		"Verkehr der Anlage läuft hindurch.", "Du trafic de l'usine passe par elle.",
	}
	testHost = Text{
		"It is listed as a test machine.", "Figura como equipo de pruebas.",
		"Es ist als Testgerät eingetragen.", "Elle est inscrite comme machine de test.",
	}
	safeAddress = Text{
		"{address} is protected here: do not block it.", "{address} está protegida aquí: no la bloquee.",
		"{address} ist hier geschützt: nicht sperren.", "{address} est protégée ici : ne la bloquez pas.",
	}
	knownScanner = Text{
		"{address} is entered as a known scanner.", "{address} figura como escáner conocido.",
		"{address} ist als bekannter Scanner eingetragen.", "{address} est inscrite comme scanner connu.",
	}
	callProcess = Text{
		"The process engineer or shift supervisor of the plant (no contact is entered for this case).",
		"El ingeniero de proceso o jefe de turno de la planta (no hay contacto para este caso).",
		"Verfahrenstechnik oder Schichtleitung der Anlage (für diesen Fall ist kein Kontakt eingetragen).",
		"L'ingénieur procédé ou le chef de quart de l'usine (aucun contact n'est inscrit pour ce cas).",
	}
	callNobody = Text{
		"Whoever is responsible for IT security (no contact is entered for this case).",
		"La persona responsable de seguridad informática (no hay contacto para este caso).",
		"Wer für IT-Sicherheit zuständig ist (für diesen Fall ist kein Kontakt eingetragen).",
		"La personne responsable de la sécurité informatique (aucun contact n'est inscrit pour ce cas).",
	}
)

// What a model says is marked as its own.
var (
	modelSays = Text{
		"In the model's words: {text}", "En palabras del modelo: {text}",
		"In den Worten des Modells: {text}", "Selon le modèle : {text}",
	}
	andModelSays = Text{
		"{rules} In the model's words: {text}", "{rules} En palabras del modelo: {text}",
		"{rules} In den Worten des Modells: {text}", "{rules} Selon le modèle : {text}",
	}
)
