package pipeline

import (
	"slices"

	"penstock/core/cases"
	"penstock/core/event"
)

// A file whose lines name no host, such as a web server's access log, stands for
// its host until the site says whose lines it holds. Nothing is known of that
// host then, so what is said of hosts that are not listed would mislead.
var (
	unnamedMeans = Text{
		"{host} is a file that names no host: set sources[].host in penstock.yaml. Until then Penstock knows nothing of the host and does nothing by itself.",
		"{host} es un archivo que no nombra ningún equipo: indique sources[].host en penstock.yaml. Hasta entonces Penstock no sabe nada del equipo y no hace nada por su cuenta.",
		"{host} ist eine Datei, die keinen Rechner nennt: sources[].host in penstock.yaml setzen. Bis dahin weiß Penstock nichts über den Rechner und tut nichts von selbst.",
		"{host} est un fichier qui ne nomme aucune machine : renseignez sources[].host dans penstock.yaml. D'ici là Penstock ne sait rien de la machine et ne fait rien de lui-même.",
	}
	unnamedStep = Text{
		"Find out which host writes {host}. If it belongs to the plant, the process engineer decides before anybody touches it.",
		"Averigüe qué equipo escribe {host}. Si pertenece a la planta, decide el ingeniero de proceso antes de que nadie lo toque.",
		"Klären Sie, welcher Rechner {host} schreibt. Gehört er zur Anlage, entscheidet die Verfahrenstechnik, bevor ihn jemand anfasst.",
		"Cherchez quelle machine écrit {host}. Si elle appartient à l'usine, l'ingénieur procédé décide avant que quiconque y touche.",
	}
)

// unnamed says whether no line of the case names a host, so that the name of
// their file stands in its place.
func unnamed(c *cases.Case) bool {
	return len(c.Lines) > 0 && !slices.ContainsFunc(c.Lines, func(l cases.Line) bool {
		return l.Host != "" || l.Source != c.Asset
	})
}

// zoneNote returns what the case's zone adds to the playbook's entry, and the
// zone by which that entry is chosen.
func (p *Pipeline) zoneNote(c *cases.Case) (ZoneNote, event.Zone) {
	if unnamed(c) {
		return ZoneNote{Means: unnamedMeans}, event.ZoneIT
	}
	return p.playbook.zone(c.Zone), c.Zone
}
