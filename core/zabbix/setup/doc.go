// Package setup makes in Zabbix what a template file cannot carry: a host group,
// links of templates to hosts, the worker's role, user and token, event scripts
// and actions; and imports the templates. It plans first, applies only what the
// plan says, and removes only objects of its own: also templates of ours that
// somebody imported by hand, since they are the same.
//
// Setup keeps no state of its own. Its objects are recognised by what no renaming
// or other machine loses: templates and the host group by their uuid, actions and
// scripts by a mark, the others by name and what tells them from strangers. A field is changed only while it holds a value that some release
// shipped (shipped.txt); any other value was put there by an administrator, and
// stays; and who is notified is theirs, not a release's. So it does not matter which machine ran setup before, or whether one did.
//
// It never changes an object that it did not make, except that hosts get a template
// and a group; and never prints a token or a seal.
package setup
