// Package templates holds the templates for Zabbix as files, so that setup can
// import them and tests can read them. It holds nothing else.
package templates

import "embed"

// FS holds each template as FOLDER/template_FOLDER.yaml.
//
//go:embed */*.yaml
var FS embed.FS
