// Package config reads what administrators write, penstock.yaml and the other
// YAML files, strictly: an unknown, repeated or mistyped key is a problem, all
// problems of a file are reported at once, and each has its line. The sections
// themselves belong to the packages they configure; this one only decodes and
// asks them to check. It connects to nothing and opens no file but the one it
// is asked for.
package config
