package main

import (
	"strings"

	"penstock/core/pipeline"
)

// What `penstock hosts` says to people, in the site's language. Values in braces
// are put in by say.
var (
	hostNotListed = pipeline.Text{EN: "(not listed)", ES: "(no figura)", DE: "(nicht eingetragen)", FR: "(non inscrite)"}
	hostDisputed  = pipeline.Text{EN: " (the name is another's)", ES: " (el nombre es de otro)", DE: " (der Name gehört einem anderen)", FR: " (le nom est celui d'une autre)"}
	hostNone      = pipeline.Text{EN: "(none, {source})", ES: "(ninguno, {source})", DE: "(keiner, {source})", FR: "(aucune, {source})"}
	hostNoEvents  = pipeline.Text{EN: "there was no event in these logs", ES: "no había ningún evento en estos registros", DE: "in diesen Protokollen war kein Ereignis", FR: "il n'y avait aucun événement dans ces journaux"}
	hostAllKnown  = pipeline.Text{
		EN: "every host in these logs is an asset of the site", ES: "todos los equipos de estos registros figuran entre los activos",
		DE: "jeder Rechner in diesen Protokollen ist eingetragen", FR: "chaque machine de ces journaux est inscrite parmi les équipements",
	}
	hostToPaste = pipeline.Text{
		EN: "hosts that are not listed: {count}; check each, then paste it under site: assets:",
		ES: "equipos que no figuran: {count}; compruebe cada uno y péguelo bajo site: assets:",
		DE: "nicht eingetragene Rechner: {count}; jeden prüfen, dann unter site: assets: einfügen",
		FR: "machines non inscrites : {count} ; vérifiez chacune, puis collez-la sous site: assets:",
	}
	hostRelay = pipeline.Text{
		EN: "{address} sends lines of several hosts: if it passes on logs, list it with roles: [relay]",
		ES: "{address} envía líneas de varios equipos: si reenvía registros, inscríbala con roles: [relay]",
		DE: "{address} sendet Zeilen mehrerer Rechner: wenn sie Protokolle weiterreicht, mit roles: [relay] eintragen",
		FR: "{address} envoie des lignes de plusieurs machines : si elle relaie des journaux, inscrivez-la avec roles: [relay]",
	}
	hostOfFile = pipeline.Text{
		EN: "{events} in {source} without a host: say whose they are under sources, with the key host",
		ES: "{events} en {source} sin equipo: diga de quién son bajo sources, con la clave host",
		DE: "{events} in {source} ohne Rechner: unter sources mit dem Schlüssel host sagen, wessen sie sind",
		FR: "{events} dans {source} sans machine : dites à qui ils sont sous sources, avec la clé host",
	}
	hostCallsItself = pipeline.Text{
		EN: "{address} calls itself {name}, which is another asset's name ({events}): add the address to that asset, or look who this is",
		ES: "{address} se llama {name}, que es el nombre de otro activo ({events}): añada la dirección a ese activo, o mire quién es",
		DE: "{address} nennt sich {name}, und so heißt ein anderer ({events}): die Adresse dort eintragen, oder nachsehen, wer das ist",
		FR: "{address} se dit {name}, qui est le nom d'une autre ({events}) : ajoutez-y l'adresse, ou regardez qui c'est",
	}
	hostFirstIn = pipeline.Text{EN: "{events}, first in {source}: {example}", ES: "{events}, primero en {source}: {example}", DE: "{events}, zuerst in {source}: {example}", FR: "{events}, d'abord dans {source} : {example}"}
	hostZone    = pipeline.Text{EN: "zone: it, dmz or ot", ES: "zone: it, dmz u ot", DE: "zone: it, dmz oder ot", FR: "zone: it, dmz ou ot"}
)

// say returns the text in that language, with values (name, value, name, ...) in
// place of their names in braces.
func say(t pipeline.Text, language string, values ...string) string {
	pairs := make([]string, len(values))
	for i, v := range values {
		if i%2 == 0 {
			v = "{" + v + "}"
		}
		pairs[i] = v
	}
	return strings.NewReplacer(pairs...).Replace(t.In(language))
}
