// Package control is the worker's local socket: through it the command line and
// the agent's plugin ask the running worker for its state and tell it what to
// do. Each request and each answer is one line of JSON:
//
//	{"v":1,"id":7,"cmd":"status","args":{}}
//	{"v":1,"id":7,"result":{...}}
//	{"v":1,"id":7,"error":{"code":"refused","text":"...","hint":"..."}}
//
// Who asks is what the kernel says of the process that connected, never what a
// request claims. The package knows no command: it checks form, size, time and
// rights, and hands the rest to the handlers it was given. It never listens on
// a network, and one caller cannot keep it from the others.
package control
