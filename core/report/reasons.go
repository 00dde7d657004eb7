package report

import (
	"strings"

	"penstock/core/pipeline"
)

// reasons says in every language why something was not done, by policy's word
// for it. A test holds that no word of policy is missing.
var reasons = map[string]pipeline.Text{
	"raise-cut":               {EN: "the model asked for more than one step up: one step is counted", ES: "el modelo pidió más de un nivel: cuenta uno", DE: "das Modell wollte mehr als eine Stufe höher: eine zählt", FR: "le modèle demandait plus d'un cran : un seul compte"},
	"raise-unconfirmed":       {EN: "Critical takes confirmed evidence, and there is none", ES: "Crítico exige indicios confirmados, y no los hay", DE: "Kritisch verlangt bestätigte Belege, und es gibt keine", FR: "Critique exige des indices confirmés, et il n'y en a pas"},
	"lower-ignored":           {EN: "the model asked for less than the rules give: ignored", ES: "el modelo pidió menos de lo que dan las reglas: no cuenta", DE: "das Modell wollte weniger, als die Regeln geben: zählt nicht", FR: "le modèle demandait moins que les règles : ignoré"},
	"report-of-other":         {EN: "the report is about another revision", ES: "el informe trata de otra revisión", DE: "der Bericht gilt einem anderen Stand", FR: "le rapport porte sur une autre révision"},
	"raise-limit":             {EN: "the model has had its raises of the hour: this one is not counted", ES: "el modelo agotó sus subidas de la hora: esta no cuenta", DE: "das Modell hat seine Anhebungen der Stunde verbraucht: diese zählt nicht", FR: "le modèle a épuisé ses relèvements de l'heure : celui-ci ne compte pas"},
	"waits-for-person":        {EN: "never starts by itself at this severity: a person decides", ES: "con esta gravedad nunca empieza solo: decide una persona", DE: "beginnt bei dieser Schwere nie von selbst: ein Mensch entscheidet", FR: "ne démarre jamais seul à ce niveau : une personne décide"},
	"target-missing":          {EN: "no evidence names a target", ES: "ningún indicio nombra un objetivo", DE: "kein Beleg nennt ein Ziel", FR: "aucun indice ne nomme une cible"},
	"target-claimed":          {EN: "the target stands only in text that its author could have written", ES: "el objetivo solo consta en texto que su autor pudo escribir", DE: "das Ziel steht nur in Text, den sein Urheber geschrieben haben kann", FR: "la cible ne figure que dans un texte que son auteur a pu écrire"},
	"target-malformed":        {EN: "what stands in the target's place is no such target", ES: "lo que figura como objetivo no lo es", DE: "was als Ziel dasteht, ist keines", FR: "ce qui figure comme cible n'en est pas une"},
	"source-unauthenticated":  {EN: "only a source that anybody can imitate says so", ES: "solo lo dice una fuente que cualquiera puede imitar", DE: "nur eine Quelle sagt es, die jeder nachahmen kann", FR: "seule une source que chacun peut imiter le dit"},
	"host-disputed":           {EN: "it is not sure which host sent the evidence", ES: "no es seguro qué equipo envió el indicio", DE: "es ist nicht sicher, welcher Rechner den Beleg sandte", FR: "on ne sait pas quelle machine a envoyé l'indice"},
	"address-protected":       {EN: "the address is protected", ES: "la dirección está protegida", DE: "die Adresse ist geschützt", FR: "l'adresse est protégée"},
	"user-protected":          {EN: "the account is protected", ES: "la cuenta está protegida", DE: "das Konto ist geschützt", FR: "le compte est protégé"},
	"host-protected":          {EN: "the host is protected", ES: "el equipo está protegido", DE: "der Rechner ist geschützt", FR: "la machine est protégée"},
	"no-success":              {EN: "failed logins alone never lock an account", ES: "los accesos fallidos por sí solos nunca bloquean una cuenta", DE: "Fehlanmeldungen allein sperren nie ein Konto", FR: "des échecs de connexion seuls ne bloquent jamais un compte"},
	"account-unknown":         {EN: "nothing is known of the account", ES: "no se sabe nada de la cuenta", DE: "über das Konto ist nichts bekannt", FR: "on ne sait rien du compte"},
	"account-of-system":       {EN: "it is a system account", ES: "es una cuenta del sistema", DE: "es ist ein Systemkonto", FR: "c'est un compte système"},
	"account-of-service":      {EN: "it is a service account", ES: "es una cuenta de servicio", DE: "es ist ein Dienstkonto", FR: "c'est un compte de service"},
	"last-administrator":      {EN: "it is the last administrator", ES: "es el último administrador", DE: "es ist der letzte Administrator", FR: "c'est le dernier administrateur"},
	"host-in-ot":              {EN: "the acting host stands in the process network: advice only", ES: "el equipo que actuaría está en la red de proceso: solo consejo", DE: "der ausführende Rechner steht im Prozessnetz: nur Rat", FR: "la machine qui agirait est dans le réseau de procédé : conseil seulement"},
	"host-in-unknown-zone":    {EN: "the site does not say in which zone the acting host stands", ES: "el sitio no dice en qué zona está el equipo que actuaría", DE: "die Anlage nennt die Zone des ausführenden Rechners nicht", FR: "le site ne dit pas dans quelle zone est la machine qui agirait"},
	"address-in-ot":           {EN: "the address belongs to the process network or carries its traffic: advice only", ES: "la dirección es de la red de proceso o lleva su tráfico: solo consejo", DE: "die Adresse gehört zum Prozessnetz oder führt dessen Verkehr: nur Rat", FR: "l'adresse appartient au réseau de procédé ou porte son trafic : conseil seulement"},
	"address-in-unknown-zone": {EN: "it is an address of ours in no known zone", ES: "es una dirección nuestra sin zona conocida", DE: "es ist eine eigene Adresse ohne bekannte Zone", FR: "c'est une adresse à nous sans zone connue"},
	"address-not-blockable":   {EN: "a private or shared address that is not listed as blockable", ES: "dirección privada o compartida que no consta como bloqueable", DE: "private oder geteilte Adresse, die nicht als sperrbar gilt", FR: "adresse privée ou partagée qui n'est pas listée comme blocable"},
	"stopped":                 {EN: "the stop switch is on", ES: "el interruptor de parada está activado", DE: "der Stoppschalter ist an", FR: "l'interrupteur d'arrêt est activé"},
	"host-not-allowed":        {EN: "no host is listed that may carry it out", ES: "no consta ningún equipo que pueda ejecutarlo", DE: "kein Rechner ist genannt, der es ausführen darf", FR: "aucune machine n'est listée pour l'exécuter"},
	"action-disabled":         {EN: "the action is not enabled", ES: "la acción no está habilitada", DE: "die Maßnahme ist nicht eingeschaltet", FR: "l'action n'est pas activée"},
	"limit-of-worker":         {EN: "the limit of actions per hour is reached", ES: "se alcanzó el límite de acciones por hora", DE: "die Grenze der Maßnahmen je Stunde ist erreicht", FR: "la limite d'actions par heure est atteinte"},
	"limit-of-source":         {EN: "the limit for this source is reached", ES: "se alcanzó el límite de esta fuente", DE: "die Grenze für diese Quelle ist erreicht", FR: "la limite pour cette source est atteinte"},
	"limit-of-target":         {EN: "the limit for this target is reached", ES: "se alcanzó el límite de este objetivo", DE: "die Grenze für dieses Ziel ist erreicht", FR: "la limite pour cette cible est atteinte"},
	"dry-run":                 {EN: "dry run is on: actions are named, not done", ES: "simulación activada: las acciones se nombran, no se hacen", DE: "Probelauf ist an: Maßnahmen werden genannt, nicht getan", FR: "essai activé : les actions sont nommées, pas faites"},
	"not-reversible":          {EN: "it cannot be taken back, so it never starts by itself", ES: "no se puede deshacer, así que nunca empieza solo", DE: "es lässt sich nicht zurücknehmen und beginnt daher nie von selbst", FR: "irréversible, donc ne démarre jamais seule"},
	"order-invalid":           {EN: "the order is not valid", ES: "la orden no es válida", DE: "der Auftrag ist nicht gültig", FR: "l'ordre n'est pas valide"},
	"order-stale":             {EN: "it was decided too long ago", ES: "se decidió hace demasiado tiempo", DE: "es wurde vor zu langer Zeit entschieden", FR: "décidé il y a trop longtemps"},
	"instructing-text":        {EN: "text in the case tried to instruct its reader: rules alone decide", ES: "un texto del caso intentó dar órdenes al lector: deciden solo las reglas", DE: "Text im Fall wollte seinen Leser anweisen: nur Regeln entscheiden", FR: "un texte du cas a tenté de donner des ordres : seules les règles décident"},
	"approver-not-listed":     {EN: "the approver is not listed", ES: "quien aprueba no consta", DE: "wer zustimmt, ist nicht gelistet", FR: "l'approbateur n'est pas listé"},
	"approver-is-subject":     {EN: "the case is about the approver's own account", ES: "el caso trata de la cuenta de quien aprueba", DE: "der Fall betrifft das Konto dessen, der zustimmt", FR: "le cas porte sur le compte de l'approbateur"},
	"approval-expired":        {EN: "the approval has expired", ES: "la aprobación ha caducado", DE: "die Zustimmung ist abgelaufen", FR: "l'approbation a expiré"},
	"approval-of-other":       {EN: "the approval names another order", ES: "la aprobación nombra otra orden", DE: "die Zustimmung nennt einen anderen Auftrag", FR: "l'approbation nomme un autre ordre"},
	"second-person-needed":    {EN: "a second person must approve", ES: "debe aprobar una segunda persona", DE: "eine zweite Person muss zustimmen", FR: "une deuxième personne doit approuver"},
}

// Refused says in that language that an action, given in words, was not done,
// and why.
func Refused(action, word, language string) string {
	return strings.NewReplacer("{what}", action, "{why}", Reason(word, language)).Replace(label("not-done", language))
}

// Reason returns in that language why something was not done. The word is
// policy's; one that is not known is returned as it is.
func Reason(word, language string) string {
	if text, ok := reasons[word]; ok {
		return text.In(language)
	}
	return word
}
