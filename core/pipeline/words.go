package pipeline

import (
	"strconv"
	"time"

	"penstock/core/action"
	"penstock/core/event"
	"penstock/core/site"
)

// The words that people read for the closed lists of event, site and action.
// Each table is indexed by its list; a test holds that none has a hole.

var classTexts = [...]Text{
	event.ClassNone:       {"event", "evento", "Ereignis", "événement"},
	event.Novelty:         {"something new", "algo nuevo", "Neues", "nouveauté"},
	event.ScanProbe:       {"scan or probe", "escaneo o sondeo", "Scan oder Abtasten", "scan ou sondage"},
	event.UserEnumeration: {"guessing account names", "adivinación de cuentas", "Raten von Kontonamen", "recherche de noms de compte"},
	event.BruteForce:      {"password guessing", "adivinación de contraseñas", "Raten von Kennwörtern", "devinette de mots de passe"},
	event.LoginFailure:    {"failed login", "acceso fallido", "fehlgeschlagene Anmeldung", "connexion échouée"},
	event.SuspiciousLogin: {"suspicious login", "acceso sospechoso", "verdächtige Anmeldung", "connexion suspecte"},
	event.WebAttack:       {"web attack", "ataque web", "Webangriff", "attaque web"},
	event.ExploitAttempt:  {"attempt to use a weakness", "intento de explotación", "Ausnutzungsversuch", "tentative d'exploitation"},
	event.DenialOfService: {"denial of service", "denegación de servicio", "Überlastungsangriff", "déni de service"},
	event.MailAbuse:       {"mail abuse", "abuso de correo", "Mailmissbrauch", "abus de messagerie"},
	event.PolicyViolation: {"refused by a rule", "rechazado por una regla", "von einer Regel abgewiesen", "refusé par une règle"},
	event.Malware:         {"malicious code", "código malicioso", "Schadcode", "code malveillant"},
	event.Execution:       {"intruder's commands", "órdenes de un intruso", "Befehle eines Eindringlings", "commandes d'un intrus"},
	event.PrivilegeChange: {"changed rights", "cambio de derechos", "geänderte Rechte", "droits modifiés"},
	event.LateralMovement: {"moving between hosts", "movimiento entre equipos", "Bewegung zwischen Rechnern", "passage de machine en machine"},
	event.Persistence:     {"something planted", "algo plantado", "Hinterlassenes", "implantation"},
	event.LogTampering:    {"tampering with logs", "manipulación de registros", "Manipulation von Protokollen", "falsification de journaux"},
	event.CommandChannel:  {"command channel", "canal de mando", "Steuerkanal", "canal de commande"},
	event.Exfiltration:    {"data leaving", "fuga de datos", "Datenabfluss", "fuite de données"},
	event.ProcessControl:  {"write to process control", "escritura en el control de proceso", "Eingriff in die Prozesssteuerung", "écriture sur la conduite du procédé"},
	event.Instruction:     {"text that instructs", "texto que da instrucciones", "Text mit Anweisungen", "texte donnant des instructions"},
	event.Forgery:         {"forged entries", "entradas falsificadas", "gefälschte Einträge", "entrées falsifiées"},
	event.ConfigChange:    {"changed settings", "cambio de ajustes", "geänderte Einstellungen", "réglages modifiés"},
	event.Fault:           {"fault", "avería", "Störung", "panne"},
	event.Availability:    {"stopped or silent", "parado o mudo", "ausgefallen oder verstummt", "arrêt ou silence"},
}

// classCounts name what evidence of a class counts; other classes count events.
var classCounts = map[event.Class]Counted{
	event.LoginFailure:    failedLogins,
	event.BruteForce:      failedLogins,
	event.UserEnumeration: {Text{"{count} try of an account name", "{count} prueba de nombre de cuenta", "{count} Versuch mit einem Kontonamen", "{count} essai de nom de compte"}, Text{"{count} tries of account names", "{count} pruebas de nombres de cuenta", "{count} Versuche mit Kontonamen", "{count} essais de noms de compte"}},
	event.ScanProbe:       {Text{"{count} probe", "{count} sondeo", "{count} Abtastversuch", "{count} sondage"}, Text{"{count} probes", "{count} sondeos", "{count} Abtastversuche", "{count} sondages"}},
	event.WebAttack:       {Text{"{count} hostile request", "{count} petición hostil", "{count} feindliche Anfrage", "{count} requête hostile"}, Text{"{count} hostile requests", "{count} peticiones hostiles", "{count} feindliche Anfragen", "{count} requêtes hostiles"}},
	event.PolicyViolation: {Text{"{count} refusal", "{count} rechazo", "{count} Abweisung", "{count} refus"}, Text{"{count} refusals", "{count} rechazos", "{count} Abweisungen", "{count} refus"}},
}

var (
	failedLogins = Counted{
		Text{"{count} failed login", "{count} acceso fallido", "{count} fehlgeschlagene Anmeldung", "{count} connexion échouée"},
		Text{"{count} failed logins", "{count} accesos fallidos", "{count} fehlgeschlagene Anmeldungen", "{count} connexions échouées"},
	}
	eventCount = Counted{
		Text{"{count} event", "{count} evento", "{count} Ereignis", "{count} événement"},
		Text{"{count} events", "{count} eventos", "{count} Ereignisse", "{count} événements"},
	}
	failureCount = Counted{
		Text{"{count} failure", "{count} fallo", "{count} Fehlversuch", "{count} échec"},
		Text{"{count} failures", "{count} fallos", "{count} Fehlversuchen", "{count} échecs"},
	}
	secondCount = Counted{
		Text{"{count} second", "{count} segundo", "{count} Sekunde", "{count} seconde"},
		Text{"{count} seconds", "{count} segundos", "{count} Sekunden", "{count} secondes"},
	}
	minuteCount = Counted{
		Text{"{count} minute", "{count} minuto", "{count} Minute", "{count} minute"},
		Text{"{count} minutes", "{count} minutos", "{count} Minuten", "{count} minutes"},
	}
	hourCount = Counted{
		Text{"{count} hour", "{count} hora", "{count} Stunde", "{count} heure"},
		Text{"{count} hours", "{count} horas", "{count} Stunden", "{count} heures"},
	}
	dayCount = Counted{ // German in the dative, as after "seit" and "innerhalb von"
		Text{"{count} day", "{count} día", "{count} Tag", "{count} jour"},
		Text{"{count} days", "{count} días", "{count} Tagen", "{count} jours"},
	}
)

var severityTexts = [...]Text{
	event.None:     {"none", "ninguna", "keine", "aucune"},
	event.Low:      {"Low", "Baja", "Niedrig", "Basse"},
	event.Medium:   {"Medium", "Media", "Mittel", "Moyenne"},
	event.High:     {"High", "Alta", "Hoch", "Haute"},
	event.Critical: {"Critical", "Crítica", "Kritisch", "Critique"},
}

var zoneTexts = [...]Text{
	event.ZoneUnknown: {"unknown", "desconocida", "unbekannt", "inconnue"},
	event.ZoneIT:      {"office and servers", "oficina y servidores", "Büro und Server", "bureautique et serveurs"},
	event.ZoneDMZ:     {"reachable from outside", "accesible desde fuera", "von außen erreichbar", "joignable de l'extérieur"},
	event.ZoneOT:      {"plant", "planta", "Anlage", "usine"},
}

// roleTexts say what follows from an asset's role; RoleServer says nothing.
var roleTexts = [...]Text{
	site.RoleServer:          {},
	site.RoleGateway:         {"It passes traffic between networks: who holds it sees and steers what goes through.", "Pasa tráfico entre redes: quien lo controla ve y dirige lo que circula.", "Es leitet Verkehr zwischen Netzen weiter: Wer es hat, sieht und lenkt, was hindurchgeht.", "Elle relaie le trafic entre réseaux : qui la tient voit et dirige ce qui passe."},
	site.RoleNAT:             {"Many hosts stand behind its address.", "Muchos equipos están detrás de su dirección.", "Hinter seiner Adresse stehen viele Rechner.", "Beaucoup de machines se cachent derrière son adresse."},
	site.RoleVPN:             {"Remote access ends here: who gets in here is inside.", "Aquí termina el acceso remoto: quien entra aquí está dentro.", "Hier endet der Fernzugang: Wer hier hineinkommt, ist drinnen.", "L'accès distant aboutit ici : qui entre ici est à l'intérieur."},
	site.RoleDNS:             {"It answers names for others: a wrong answer sends them astray.", "Responde nombres a otros: una respuesta falsa los desvía.", "Es löst Namen für andere auf: Eine falsche Antwort führt sie in die Irre.", "Elle résout les noms pour les autres : une fausse réponse les égare."},
	site.RoleTime:            {"It gives others the time: logs and alarms depend on it.", "Da la hora a otros: registros y alarmas dependen de ella.", "Es gibt anderen die Zeit: Protokolle und Alarme hängen daran.", "Elle donne l'heure aux autres : journaux et alarmes en dépendent."},
	site.RoleDirectory:       {"It knows all users: who holds it can become anyone.", "Conoce a todos los usuarios: quien lo controla puede ser cualquiera.", "Es kennt alle Benutzer: Wer es hat, kann jeder sein.", "Elle connaît tous les utilisateurs : qui la tient peut devenir n'importe qui."},
	site.RoleZabbix:          {"It is part of the monitoring: what it shows can no longer be taken for granted.", "Es parte de la monitorización: ya no puede darse por seguro lo que muestra.", "Es gehört zur Überwachung: Was sie zeigt, ist nicht mehr selbstverständlich richtig.", "Elle fait partie de la supervision : ce que celle-ci montre n'est plus certain."},
	site.RoleWazuh:           {"It is part of the detection: silence from it proves nothing now.", "Es parte de la detección: su silencio ya no prueba nada.", "Es gehört zur Erkennung: Ihre Ruhe beweist jetzt nichts.", "Elle fait partie de la détection : son silence ne prouve plus rien."},
	site.RolePenstock:        {"Penstock itself runs here: check its decisions by hand until this is clear.", "Aquí funciona el propio Penstock: compruebe sus decisiones a mano hasta aclararlo.", "Hier läuft Penstock selbst: Prüfen Sie seine Entscheidungen von Hand, bis das geklärt ist.", "Penstock lui-même tourne ici : vérifiez ses décisions à la main tant que ce n'est pas éclairci."},
	site.RoleRelay:           {"It passes on other hosts' logs: their lines may be affected too.", "Reenvía registros de otros equipos: sus líneas también pueden estar afectadas.", "Es reicht Protokolle anderer Rechner weiter: Auch deren Zeilen können betroffen sein.", "Elle transmet les journaux d'autres machines : leurs lignes peuvent être touchées aussi."},
	site.RoleSCADA:           {"It supervises the process: check on site whether the values on its screen are true.", "Supervisa el proceso: compruebe en planta si los valores de su pantalla son ciertos.", "Es überwacht den Prozess: Vor Ort prüfen, ob die Werte im Bild stimmen.", "Elle supervise le procédé : vérifiez sur place si les valeurs à l'écran sont vraies."},
	site.RoleHistorian:       {"It keeps the process data: trends and reports may be wrong.", "Guarda los datos del proceso: tendencias e informes pueden ser falsos.", "Es verwahrt die Prozessdaten: Verläufe und Berichte können falsch sein.", "Elle conserve les données du procédé : courbes et rapports peuvent être faux."},
	site.RoleOperatorStation: {"A person steers the plant from here.", "Desde aquí una persona maneja la planta.", "Von hier aus fährt jemand die Anlage.", "Une personne conduit l'usine d'ici."},
	site.RoleController:      {"It moves pumps, valves or dosing.", "Mueve bombas, válvulas o dosificación.", "Es bewegt Pumpen, Schieber oder Dosierung.", "Elle agit sur pompes, vannes ou dosage."},
}

// actionTexts are the titles of the catalogue's entries, by Definition.Title.
var actionTexts = map[string]Text{
	"action.collect-evidence": {"collect evidence", "recoger pruebas", "Spuren sichern", "recueillir les preuves"},
	"action.snapshot-config":  {"keep a copy of the settings", "guardar copia de los ajustes", "Einstellungen sichern", "garder une copie des réglages"},
	"action.limit-address":    {"slow the address down", "limitar la dirección", "Adresse drosseln", "ralentir l'adresse"},
	"action.block-address":    {"block the address", "bloquear la dirección", "Adresse sperren", "bloquer l'adresse"},
	"action.freeze-process":   {"freeze the process", "congelar el proceso", "Prozess einfrieren", "geler le processus"},
	"action.end-session":      {"end the sessions", "cerrar las sesiones", "Sitzungen beenden", "fermer les sessions"},
	"action.disable-user":     {"disable the account", "desactivar la cuenta", "Konto sperren", "désactiver le compte"},
	"action.isolate-host":     {"isolate the host", "aislar el equipo", "Rechner isolieren", "isoler la machine"},
}

// ClassWords returns what people of that language read for a class.
func ClassWords(c event.Class, language string) string {
	if int(c) >= len(classTexts) {
		return c.String()
	}
	return classTexts[c].In(language)
}

// SeverityWord returns what people of that language read for a severity.
func SeverityWord(s event.Severity, language string) string {
	if int(s) >= len(severityTexts) {
		return s.String()
	}
	return severityTexts[s].In(language)
}

// ZoneWords returns what people of that language read for a zone.
func ZoneWords(z event.Zone, language string) string {
	if int(z) >= len(zoneTexts) {
		return z.String()
	}
	return zoneTexts[z].In(language)
}

// ActionWords returns what people of that language read for an action of the
// catalogue, or the id itself where the catalogue does not know it.
func ActionWords(id, language string) string {
	d, ok := action.Lookup(id)
	if !ok {
		return id
	}
	if text, ok := actionTexts[d.Title]; ok {
		return text.In(language)
	}
	return id
}

// roleWords returns what follows from a role, or "".
func roleWords(r site.Role, language string) string {
	if int(r) >= len(roleTexts) {
		return ""
	}
	return roleTexts[r].In(language)
}

// countOf returns how many of what a class counts, for instance "12 failed logins".
func countOf(c event.Class, n int, language string) string {
	if counted, ok := classCounts[c]; ok {
		return counted.In(language, n)
	}
	return eventCount.In(language, n)
}

// EventCount returns a number of events in words, for instance "14 events".
func EventCount(n int, language string) string { return eventCount.In(language, n) }

// span returns a length of time in its largest whole unit, rounded down.
func span(d time.Duration, language string) string {
	switch {
	case d >= 48*time.Hour:
		return dayCount.In(language, int(d/(24*time.Hour)))
	case d >= 2*time.Hour:
		return hourCount.In(language, int(d/time.Hour))
	case d >= time.Minute && d%time.Hour == 0:
		return hourCount.In(language, int(d/time.Hour))
	case d >= time.Minute:
		return minuteCount.In(language, int(d/time.Minute))
	}
	return secondCount.In(language, max(1, int(d/time.Second)))
}

// Number returns a number with its thousands set apart: 12,345 in English,
// 12 345 with a narrow space elsewhere.
func Number(n int, language string) string {
	digits := strconv.Itoa(n)
	if n < 10000 {
		return digits
	}
	separator := "\u202f"
	if language != "es" && language != "de" && language != "fr" {
		separator = ","
	}
	out := make([]byte, 0, len(digits)*2)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, separator...)
		}
		out = append(out, digits[i])
	}
	return string(out)
}
