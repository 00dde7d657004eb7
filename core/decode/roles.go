package decode

import (
	"strings"

	"penstock/core/event"
)

// role is what a key of a structured log stands for. Roles below roleFields are
// parts of the event itself, the rest become fields.
type role uint8

const (
	roleNone role = iota
	roleTime
	roleHost
	roleLevel
	roleMessage
	roleProgram
	rolePID
	roleName
	roleSuccess // true or false
	roleFields
	rolePeer
	rolePeerPort
	roleTarget
	rolePort
	roleUser
	roleByUser
	roleOutcome
	roleMethod
	roleURL
	roleStatus
	roleAgent
	roleCommand
	roleFile
	roleRule
	roleForwarded
	roleEventID
	roleIgnored // known, and of no use: hides the general meaning of its last key
)

// fieldKeys holds the field key of each role from roleFields on.
var fieldKeys = [...]string{
	rolePeer: event.KeyPeer, rolePeerPort: event.KeyPeerPort, roleTarget: event.KeyTarget,
	rolePort: event.KeyPort, roleUser: event.KeyUser, roleByUser: event.KeyByUser,
	roleOutcome: event.KeyOutcome, roleMethod: event.KeyMethod, roleURL: event.KeyURL,
	roleStatus: event.KeyStatus, roleAgent: event.KeyAgent, roleCommand: event.KeyCommand,
	roleFile: event.KeyFile, roleRule: event.KeyRule, roleForwarded: event.KeyForwarded,
	roleEventID: KeyEventID, roleIgnored: "",
}

// roles says what keys of common loggers mean. Keys are in lower case without
// `_`, `-` and `@`; a dot joins a key to the one around it, and goes before the
// key alone.
var roles = map[string]role{
	// time
	"time": roleTime, "timestamp": roleTime, "ts": roleTime, "t": roleTime, "t.$date": roleTime,
	"eventtime": roleTime, "datetime": roleTime, "asctime": roleTime, "date": roleTime, "starttime": roleTime,
	"realtimetimestamp": roleTime, "requestreceivedtimestamp": roleTime, "createdat": roleTime,
	"timecreated.systemtime": roleTime, "system.systemtime": roleTime, "startlocal": roleTime,
	"startutc": roleTime, "rt": roleTime, "flow.start": roleIgnored, "activity.starttime": roleIgnored,
	// host
	"host": roleHost, "hostname": roleHost, "host.name": roleHost, "host.hostname": roleHost, "devname": roleHost,
	"system.computer": roleHost, "computer": roleHost, "dvchost": roleHost, "agent.hostname": roleHost,
	"kubernetes.host": roleHost, "device.hostname": roleHost, "observer.hostname": roleHost, "winlog.computername": roleHost,
	"machinename": roleHost, "nodename": roleHost, "host.ip": roleIgnored, "host.id": roleIgnored, "host.os": roleIgnored,
	"request.host": roleIgnored, "headers.host": roleIgnored, "req.host": roleIgnored, "http.hostname": roleIgnored,
	"http.host": roleIgnored, "tls.sni": roleIgnored, "query.hostname": roleIgnored, "requesthost": roleIgnored,
	// level
	"level": roleLevel, "severity": roleLevel, "lvl": roleLevel, "loglevel": roleLevel, "levelname": roleLevel,
	"log.level": roleLevel, "priority": roleLevel, "pri": roleLevel, "eventseverity": roleLevel,
	"system.level": roleIgnored, "alert.severity": roleIgnored, "system.severityvalue": roleIgnored,
	// message
	"msg": roleMessage, "message": roleMessage, "shortmessage": roleMessage, "log": roleMessage,
	"system.message": roleIgnored, "alert.signature": roleName, "eventname": roleName, "signature": roleName,
	"logdesc": roleName, "attack": roleName,
	// program
	"program": roleProgram, "app": roleProgram, "logger": roleProgram, "syslogidentifier": roleProgram,
	"process.name": roleProgram, "log.logger": roleProgram, "service.name": roleProgram, "service": roleProgram, "programname": roleProgram,
	"eventsource": roleProgram, "system.providername": roleProgram, "provider.name": roleProgram,
	"pid": rolePID, "process.pid": rolePID, "processid": rolePID, "system.processid": rolePID,
	"eventdata.processid": roleIgnored,
	// peer
	"srcip": rolePeer, "sourceip": rolePeer, "source.ip": rolePeer, "source.address": rolePeer, "clientip": rolePeer,
	"client.ip": rolePeer, "client.address": rolePeer, "remoteip": rolePeer, "remoteaddr": rolePeer, "remote": rolePeer,
	"remoteaddress": rolePeer, "ipaddress": rolePeer, "clientaddr": rolePeer, "clienthost": rolePeer,
	"sourceipaddress": rolePeer, "sourceips": rolePeer, "ip": rolePeer, "src": rolePeer, "rhost": rolePeer,
	"remip": rolePeer, "clientaddress": rolePeer, "addr": rolePeer, "rip": rolePeer, "account.ip": rolePeer,
	"eventdata.ipaddress": rolePeer, "eventdata.sourceip": rolePeer, "srcendpoint.ip": rolePeer,
	"downstreamremoteaddress": rolePeer, "attr.remote": rolePeer, "addr.remote": rolePeer, "c.ip": rolePeer,
	"agent.ip": roleIgnored, "server.ip": roleTarget,
	"srcport": rolePeerPort, "source.port": rolePeerPort, "clientport": rolePeerPort, "remoteport": rolePeerPort,
	"spt": rolePeerPort, "sourceport": rolePeerPort, "remport": rolePeerPort, "client.port": rolePeerPort,
	"eventdata.ipport": rolePeerPort, "eventdata.sourceport": rolePeerPort,
	// target
	"destip": roleTarget, "dstip": roleTarget, "destination.ip": roleTarget, "dst": roleTarget, "destinationip": roleTarget,
	"lip": roleTarget, "locip": roleTarget, "dstendpoint.ip": roleTarget, "eventdata.destinationip": roleTarget,
	"serveraddr": roleTarget, "localaddress": roleTarget,
	"destport": rolePort, "dstport": rolePort, "destination.port": rolePort, "dpt": rolePort, "destinationport": rolePort,
	"locport": rolePort, "eventdata.destinationport": rolePort,
	// user
	"user": roleUser, "username": roleUser, "user.name": roleUser, "login": roleUser, "account": roleUser,
	"clientusername": roleUser, "useridentity.username": roleUser, "user.username": roleUser, "dstuser": roleUser,
	"identifier": roleUser, "uname": roleUser, "duser": roleUser, "acct": roleUser, "email": roleUser, "loginname": roleUser,
	"eventdata.targetusername": roleUser, "targetusername": roleUser, "attr.principalname": roleUser, "principal": roleUser,
	"eventdata.user": roleUser, "userid": roleIgnored, "user.id": roleIgnored, "user.groups": roleIgnored,
	"srcuser": roleByUser, "suser": roleByUser, "eventdata.subjectusername": roleByUser, "subjectusername": roleByUser,
	"actor": roleByUser, "principalname": roleByUser,
	// outcome
	"outcome": roleOutcome, "event.outcome": roleOutcome, "result": roleOutcome, "success": roleSuccess,
	"authenticationfailed": roleIgnored, "responseelements.consolelogin": roleOutcome,
	// web
	"method": roleMethod, "httpmethod": roleMethod, "requestmethod": roleMethod, "verb": roleMethod,
	"http.request.method": roleMethod, "request.method": roleMethod, "http.httpmethod": roleMethod,
	"url": roleURL, "uri": roleURL, "path": roleURL, "requestpath": roleURL, "requesturi": roleURL, "httppath": roleURL,
	"url.original": roleURL, "url.path": roleURL, "http.url": roleURL, "request.uri": roleURL, "request": roleURL,
	"log.file.path": roleIgnored, "file.path": roleFile, "xenvoyoriginpath": roleURL,
	"status": roleStatus, "statuscode": roleStatus, "httpstatus": roleStatus, "downstreamstatus": roleStatus,
	"responsecode": roleStatus, "response.statuscode": roleStatus, "responsestatus.code": roleStatus, "http.status": roleStatus,
	"useragent": roleAgent, "useragent.original": roleAgent, "headers.useragent": roleAgent, "http.httpuseragent": roleAgent,
	"requestclientapplication": roleAgent, "http.useragent": roleAgent, "requestuseragent": roleAgent,
	"xforwardedfor": roleForwarded, "headers.xforwardedfor": roleForwarded, "forwardedfor": roleForwarded,
	// the rest
	"command": roleCommand, "commandline": roleCommand, "cmd": roleCommand, "exe": roleCommand, "process.commandline": roleCommand,
	"eventdata.commandline": roleCommand, "scriptblocktext": roleCommand, "eventdata.scriptblocktext": roleCommand,
	"file": roleFile, "filename": roleFile, "targetfilename": roleFile, "eventdata.targetfilename": roleFile,
	"syscheck.path": roleFile, "fname": roleFile,
	"alert.signatureid": roleRule, "ruleid": roleRule, "rule.id": roleRule, "signatureid": roleRule, "logid": roleRule,
	"eventid": roleEventID, "system.eventid": roleEventID,
}

// normal writes key to b in the form of roles and returns how much of b is
// used; a key that does not fit is cut.
func normal(b []byte, key string) int {
	n := 0
	for i := 0; i < len(key) && n < len(b); i++ {
		switch c := key[i]; {
		case c == '_' || c == '-' || c == '@':
		case c >= 'A' && c <= 'Z':
			b[n] = c | 0x20
			n++
		default:
			b[n] = c
			n++
		}
	}
	return n
}

// roleOf returns the role of key within outer, which is "" at the top.
func roleOf(outer, key string) role {
	r, _ := rolePaired(outer, key)
	return r
}

// rolePaired is roleOf, and says whether the two keys have that role together.
func rolePaired(outer, key string) (r role, paired bool) {
	var buf [64]byte
	n := 0
	if outer != "" {
		n = normal(buf[:31], outer)
		buf[n] = '.'
		n++
	}
	end := n + normal(buf[n:], key)
	if outer != "" {
		if r, ok := roles[string(buf[:end])]; ok {
			return r, true
		}
	}
	return roles[string(buf[n:end])], false
}

// deep says whether keys within an object are looked up together with its own.
type deep uint8

const (
	deepUnknown deep = iota
	deepYes
	deepNo
)

// around holds the first halves of the joined keys of roles.
var around = firstHalves()

func firstHalves() map[string]bool {
	halves := make(map[string]bool)
	for key := range roles {
		if dot := strings.LastIndexByte(key, '.'); dot > 0 {
			halves[key[:dot]] = true
		}
	}
	return halves
}

// roleAt returns the role of the value at j, by its key and the one around it.
func (t *tape) roleAt(j int) role {
	n := &t.nodes[j]
	if n.asked {
		return n.role
	}
	n.asked = true
	if n.key.from == n.key.to {
		return roleNone
	}
	outer := ""
	if n.parent > 0 && t.isDeep(int(n.parent)) {
		outer = t.key(int(n.parent))
	}
	n.role, n.paired = rolePaired(outer, t.key(j))
	return n.role
}

// leafRole returns the role of the value at j where it is one to be stored, else
// roleNone. Only addresses are taken out of lists.
func (t *tape) leafRole(j int) role {
	n := &t.nodes[j]
	if n.kind == object || n.value.from == n.value.to {
		return roleNone
	}
	r := t.roleAt(j)
	if r == roleIgnored || n.kind == array && r != rolePeer {
		return roleNone
	}
	return r
}

// near says whether the object around j stands in the object at i itself, or where
// Windows puts it: Event.System, and TimeCreated within.
func (t *tape) near(j, i int) bool {
	outer := int(t.nodes[j].parent)
	around := int(t.nodes[outer].parent)
	if around > i && t.key(outer) == "TimeCreated" {
		outer, around = around, int(t.nodes[around].parent)
		if around == i && t.key(outer) != "System" {
			return false
		}
	}
	if around > i && t.key(outer) == "System" && t.key(around) == "Event" {
		around = int(t.nodes[around].parent)
	}
	return around == i
}

func (t *tape) isDeep(i int) bool {
	n := &t.nodes[i]
	if n.deep == deepUnknown {
		var buf [32]byte
		n.deep = deepNo
		if around[string(buf[:normal(buf[:], t.key(i))])] {
			n.deep = deepYes
		}
	}
	return n.deep == deepYes
}
