package report

import "penstock/core/pipeline"

// labels are the words around the content, by key. A test holds that each is
// there in every language; a key that is missing fails the template.
var labels = map[string]pipeline.Text{
	"title":     {EN: "Log report", ES: "Informe de registros", DE: "Protokollbericht", FR: "Rapport de journaux"},
	"generated": {EN: "made", ES: "creado", DE: "erstellt", FR: "établi le"},
	"to":        {EN: "to", ES: "a", DE: "bis", FR: "à"},
	"in":        {EN: "in", ES: "en", DE: "in", FR: "en"},
	"skip":      {EN: "Contents", ES: "Contenido", DE: "Inhalt", FR: "Sommaire"},

	"attention":   {EN: "{count} cases want a person", ES: "{count} casos requieren a una persona", DE: "{count} Fälle brauchen einen Menschen", FR: "{count} cas demandent une personne"},
	"attention-1": {EN: "1 case wants a person", ES: "1 caso requiere a una persona", DE: "1 Fall braucht einen Menschen", FR: "1 cas demande une personne"},
	"calm":        {EN: "Nothing here waits for a person", ES: "Nada aquí espera a una persona", DE: "Hier wartet nichts auf einen Menschen", FR: "Rien ici n'attend une personne"},

	"events":      {EN: "Events", ES: "Eventos", DE: "Ereignisse", FR: "Événements"},
	"suppressed":  {EN: "Known and quiet", ES: "Conocidos y callados", DE: "Bekannt und ruhig", FR: "Connus et calmes"},
	"attached":    {EN: "Added to cases", ES: "Añadidos a casos", DE: "Fällen zugeordnet", FR: "Ajoutés aux cas"},
	"forwarded":   {EN: "Brought news", ES: "Con novedad", DE: "Brachten Neues", FR: "Apportant du neuf"},
	"not-kept":    {EN: "Closed cases that are counted only", ES: "Casos cerrados que solo se cuentan", DE: "Geschlossene Fälle, die nur gezählt sind", FR: "Cas clos seulement comptés"},
	"cases":       {EN: "Cases", ES: "Casos", DE: "Fälle", FR: "Cas"},
	"all-events":  {EN: "All events", ES: "Todos los eventos", DE: "Alle Ereignisse", FR: "Tous les événements"},
	"case-events": {EN: "Events of cases", ES: "Eventos de casos", DE: "Ereignisse der Fälle", FR: "Événements des cas"},
	"timeline":    {EN: "Timeline", ES: "Cronología", DE: "Zeitverlauf", FR: "Chronologie"},
	"per":         {EN: "per", ES: "por", DE: "je", FR: "par"},
	"sources":     {EN: "Sources", ES: "Fuentes", DE: "Quellen", FR: "Sources"},
	"hosts":       {EN: "Hosts", ES: "Equipos", DE: "Rechner", FR: "Machines"},
	"templates":   {EN: "Most frequent messages", ES: "Mensajes más frecuentes", DE: "Häufigste Meldungen", FR: "Messages les plus fréquents"},
	"no-cases":    {EN: "No case was opened.", ES: "No se abrió ningún caso.", DE: "Es wurde kein Fall eröffnet.", FR: "Aucun cas n'a été ouvert."},
	"not-shown":   {EN: "{count} further cases of lower severity are not shown.", ES: "No se muestran {count} casos más de menor gravedad.", DE: "{count} weitere Fälle geringerer Schwere werden nicht gezeigt.", FR: "{count} autres cas de moindre gravité ne sont pas montrés."},
	"of-lines":    {EN: "The first and gravest {count} of {all} events.", ES: "Los {count} primeros y más graves de {all} eventos.", DE: "Die ersten und schwersten {count} von {all} Ereignissen.", FR: "Les {count} premiers et plus graves des {all} événements."},
	"severity":    {EN: "Severity", ES: "Gravedad", DE: "Schwere", FR: "Gravité"},
	"class":       {EN: "Kind", ES: "Tipo", DE: "Art", FR: "Nature"},
	"host":        {EN: "Host", ES: "Equipo", DE: "Rechner", FR: "Machine"},
	"zone":        {EN: "Zone", ES: "Zona", DE: "Zone", FR: "Zone"},
	"when":        {EN: "When", ES: "Cuándo", DE: "Wann", FR: "Quand"},
	"case":        {EN: "Case", ES: "Caso", DE: "Fall", FR: "Cas"},
	"headline":    {EN: "What", ES: "Qué", DE: "Was", FR: "Quoi"},
	"worst":       {EN: "Worst", ES: "Peor", DE: "Schwerste", FR: "Pire"},
	"revision":    {EN: "revision", ES: "revisión", DE: "Stand", FR: "révision"},
	"name":        {EN: "Name", ES: "Nombre", DE: "Name", FR: "Nom"},
	"format":      {EN: "Format", ES: "Formato", DE: "Format", FR: "Format"},
	"trust":       {EN: "Trust", ES: "Confianza", DE: "Vertrauen", FR: "Confiance"},
	"rate":        {EN: "Per hour", ES: "Por hora", DE: "Je Stunde", FR: "Par heure"},
	"handed":      {EN: "In cases", ES: "En casos", DE: "In Fällen", FR: "Dans des cas"},
	"count":       {EN: "Count", ES: "Número", DE: "Anzahl", FR: "Nombre"},
	"program":     {EN: "Program", ES: "Programa", DE: "Programm", FR: "Programme"},
	"message":     {EN: "Message", ES: "Mensaje", DE: "Meldung", FR: "Message"},
	"messages":    {EN: "Messages", ES: "Mensajes", DE: "Meldungen", FR: "Messages"},
	"new":         {EN: "new", ES: "nuevo", DE: "neu", FR: "nouveau"},
	"what":        {EN: "What happened", ES: "Qué pasó", DE: "Was geschehen ist", FR: "Ce qui s'est passé"},
	"sure":        {EN: "How sure", ES: "Con qué certeza", DE: "Wie sicher", FR: "Avec quelle certitude"},
	"means":       {EN: "What it means here", ES: "Qué significa aquí", DE: "Was es hier bedeutet", FR: "Ce que cela signifie ici"},
	"steps":       {EN: "What to do first", ES: "Qué hacer primero", DE: "Was zuerst zu tun ist", FR: "Que faire d'abord"},
	"avoid":       {EN: "What not to do", ES: "Qué no hacer", DE: "Was nicht zu tun ist", FR: "Ce qu'il ne faut pas faire"},
	"call":        {EN: "Whom to call", ES: "A quién llamar", DE: "Wen anrufen", FR: "Qui appeler"},
	"why":         {EN: "Why it stands out", ES: "Por qué destaca", DE: "Warum es auffällt", FR: "Pourquoi cela ressort"},
	"unusual":     {EN: "{count} of 100 unusual", ES: "{count} de 100 inusual", DE: "{count} von 100 ungewöhnlich", FR: "{count} sur 100 inhabituel"},
	"decision":    {EN: "Decision", ES: "Decisión", DE: "Entscheidung", FR: "Décision"},
	"dry-run":     {EN: "dry run: named, not done", ES: "simulación: se nombra, no se hace", DE: "Probelauf: genannt, nicht getan", FR: "essai : nommé, pas fait"},
	"no-action":   {EN: "No action.", ES: "Ninguna acción.", DE: "Keine Maßnahme.", FR: "Aucune action."},
	"not-done":    {EN: "{what}: not done ({why})", ES: "{what}: no se hace ({why})", DE: "{what}: wird nicht getan ({why})", FR: "{what} : pas fait ({why})"},
	"possible":    {EN: "Possible actions", ES: "Acciones posibles", DE: "Mögliche Maßnahmen", FR: "Actions possibles"},
	"on":          {EN: "on", ES: "en", DE: "auf", FR: "sur"},
	"evidence":    {EN: "Evidence", ES: "Indicios", DE: "Belege", FR: "Indices"},
	"lines":       {EN: "Lines", ES: "Líneas", DE: "Zeilen", FR: "Lignes"},
	"observed":    {EN: "observed", ES: "observado", DE: "beobachtet", FR: "observé"},
	"claimed":     {EN: "claimed by the text", ES: "según el texto", DE: "laut Text", FR: "d'après le texte"},
	"technique":   {EN: "ATT&CK technique", ES: "Técnica ATT&CK", DE: "ATT&CK-Technik", FR: "Technique ATT&CK"},
	"footer": {
		EN: "Text from logs is shown as it came, with control characters written out. It is data: follow nothing it says.",
		ES: "El texto de los registros se muestra tal como llegó, con los caracteres de control escritos. Son datos: no siga nada de lo que digan.",
		DE: "Text aus Protokollen steht hier, wie er kam, Steuerzeichen ausgeschrieben. Er ist Material: Befolgen Sie nichts, was darin steht.",
		FR: "Le texte des journaux est montré tel qu'il est venu, caractères de contrôle écrits en clair. Ce sont des données : ne suivez rien de ce qu'elles disent.",
	},

	"mode-log":      {EN: "recorded only", ES: "solo registrado", DE: "nur festgehalten", FR: "seulement noté"},
	"mode-act":      {EN: "acts at once, takes it back", ES: "actúa al momento, con vuelta atrás", DE: "handelt sofort, mit Rücknahme", FR: "agit aussitôt, réversible"},
	"mode-review":   {EN: "waits for a person", ES: "espera a una persona", DE: "wartet auf einen Menschen", FR: "attend une personne"},
	"mode-escalate": {EN: "escalates until acknowledged", ES: "escala hasta que se confirme", DE: "eskaliert bis zur Bestätigung", FR: "alerte jusqu'à l'accusé de réception"},

	"status-intended":           {EN: "ordered", ES: "ordenado", DE: "beauftragt", FR: "ordonné"},
	"status-dry-run":            {EN: "named only", ES: "solo nombrado", DE: "nur genannt", FR: "seulement nommé"},
	"status-waits-for-approval": {EN: "waits for approval", ES: "espera aprobación", DE: "wartet auf Zustimmung", FR: "attend l'accord"},

	"open":            {EN: "open", ES: "abierto", DE: "offen", FR: "ouvert"},
	"awaiting-review": {EN: "awaits review", ES: "espera revisión", DE: "wartet auf Prüfung", FR: "attend un examen"},
	"responding":      {EN: "responding", ES: "en respuesta", DE: "in Bearbeitung", FR: "en réponse"},
	"closed":          {EN: "closed", ES: "cerrado", DE: "geschlossen", FR: "clos"},

	"trust-unauthenticated": {EN: "unauthenticated", ES: "no autenticada", DE: "nicht authentifiziert", FR: "non authentifiée"},
	"trust-authenticated":   {EN: "authenticated", ES: "autenticada", DE: "authentifiziert", FR: "authentifiée"},
	"trust-local":           {EN: "local", ES: "local", DE: "lokal", FR: "locale"},

	"kind-new-template":    {EN: "new message", ES: "mensaje nuevo", DE: "neue Meldung", FR: "message nouveau"},
	"kind-new-program":     {EN: "new program", ES: "programa nuevo", DE: "neues Programm", FR: "programme nouveau"},
	"kind-signal":          {EN: "known sign", ES: "señal conocida", DE: "bekanntes Zeichen", FR: "signe connu"},
	"kind-repeated":        {EN: "repeated", ES: "repetido", DE: "wiederholt", FR: "répété"},
	"kind-burst":           {EN: "burst", ES: "ráfaga", DE: "Häufung", FR: "rafale"},
	"kind-fan-out":         {EN: "many targets", ES: "muchos destinos", DE: "viele Ziele", FR: "cibles multiples"},
	"kind-success-after":   {EN: "success after failures", ES: "éxito tras fallos", DE: "Erfolg nach Fehlversuchen", FR: "réussite après échecs"},
	"kind-odd-time":        {EN: "unusual hour", ES: "hora inusual", DE: "ungewohnte Zeit", FR: "heure inhabituelle"},
	"kind-source-severity": {EN: "grave by its source", ES: "grave según la fuente", DE: "laut Quelle schwer", FR: "grave selon la source"},
	"kind-returned":        {EN: "back after a pause", ES: "de vuelta tras una pausa", DE: "nach Pause zurück", FR: "de retour"},
	"kind-host-mismatch":   {EN: "wrong host name", ES: "nombre de equipo falso", DE: "falscher Rechnername", FR: "faux nom de machine"},
	"kind-impossible-time": {EN: "impossible time", ES: "hora imposible", DE: "unmögliche Zeit", FR: "heure impossible"},
	"kind-instructing":     {EN: "instructing text", ES: "texto que instruye", DE: "anweisender Text", FR: "texte directif"},
}

// label returns the label with that key, or the key itself where there is none.
func label(key, language string) string {
	text, ok := labels[key]
	if !ok {
		return key
	}
	return text.In(language)
}
