package lab

import (
	"fmt"
	"slices"
	"strings"
)

// serverConf returns the server's configuration: few processes, and what changes is
// known at once.
func (s *ZabbixServer) serverConf(port int) string {
	lines := []string{
		"ListenIP=127.0.0.1", fmt.Sprintf("ListenPort=%d", port),
		"DBHost=" + s.database(), "DBName=zabbix", "DBUser=zabbix",
		"LogType=console", "PidFile=" + s.path("server/pid"), "SocketDir=" + s.path("server"),
		"ExternalScripts=" + s.path("external"), "AlertScriptsPath=" + s.path("alert"),
		"FpingLocation=/usr/bin/fping", "Fping6Location=/usr/bin/fping6",
		"StartPollers=2", "StartPollersUnreachable=1", "StartTrappers=3", "StartPingers=0", "StartDiscoverers=0", "StartHTTPPollers=0",
		"StartPreprocessors=1", "StartDBSyncers=1", "StartAlerters=2", "StartEscalators=1", "StartTimers=1", "StartLLDProcessors=1",
		"StartHistoryPollers=1", "StartProxyPollers=0", "StartReportWriters=0", "StartODBCPollers=0",
		"CacheSize=64M", "CacheUpdateFrequency=1", "HousekeepingFrequency=0", "ProblemHousekeepingFrequency=3600",
		"Timeout=10", "TrapperTimeout=30", "ProxyConfigFrequency=1",
	}
	if s.atLeast70() {
		lines = append(lines, "EnableGlobalScripts=1", "AllowSoftwareUpdateCheck=0", "StartBrowserPollers=0", "StartSNMPPollers=0", "StartDiscoverers=1")
	}
	if s.ExportDir != "" {
		lines = append(lines, "ExportDir="+s.ExportDir, "ExportType="+s.settings.export)
	}
	return s.conf(lines, s.settings.server)
}

// proxyConf returns the configuration of an active proxy.
func (s *ZabbixServer) proxyConf(p *Proxy, port int) string {
	lines := []string{
		"ProxyMode=0", "Server=" + s.Trapper, "Hostname=" + p.Name,
		"ListenIP=127.0.0.1", fmt.Sprintf("ListenPort=%d", port),
		"LogType=console", "PidFile=" + s.path(p.Name+"/pid"), "SocketDir=" + s.path(p.Name),
		"DBName=" + s.path(p.Name+"/proxy.db"), "ExternalScripts=" + s.path("external"),
		"FpingLocation=/usr/bin/fping", "Fping6Location=/usr/bin/fping6",
		"EnableRemoteCommands=1", "LogRemoteCommands=1",
		"StartPollers=2", "StartPollersUnreachable=1", "StartTrappers=2", "StartPingers=0", "StartDiscoverers=0", "StartHTTPPollers=0",
		"StartPreprocessors=1", "StartDBSyncers=1", "StartODBCPollers=0",
		"DataSenderFrequency=1", "CacheSize=32M", "Timeout=10", "TrapperTimeout=30",
	}
	if s.atLeast70() {
		lines = append(lines, "ProxyConfigFrequency=1", "StartBrowserPollers=0", "StartSNMPPollers=0")
	} else {
		lines = append(lines, "ConfigFrequency=1", "HeartbeatFrequency=1", "StartHistoryPollers=1")
	}
	return s.conf(lines, s.settings.proxy)
}

// agentConf returns the configuration of an agent 2.
func (s *ZabbixServer) agentConf(a *Agent, o AgentOptions, port int) string {
	lines := []string{
		"LogType=console", "PidFile=" + s.path(a.name+"/pid"),
		"Server=127.0.0.1", "ServerActive=" + o.ServerActive, "Hostname=" + a.Hostname,
		"ListenIP=127.0.0.1", fmt.Sprintf("ListenPort=%d", port),
		"ControlSocket=" + s.path(a.name+"/control.sock"), "PluginSocket=" + s.path(a.name+"/plugin.sock"),
		"Timeout=3",
	}
	if s.atLeast70() {
		lines = append(lines, "RefreshActiveChecks=1")
	} else {
		lines = append(lines, "RefreshActiveChecks=60")
	}
	return s.conf(lines, append(slices.Clone(o.Lines), o.Plugins...))
}

// conf joins lines, each of which takes the place of earlier ones of that name.
// Lines of more take no place of one another: a name may be there twice.
func (s *ZabbixServer) conf(lines, more []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		name, _, _ := strings.Cut(lines[i], "=")
		same := func(line string) bool { return strings.HasPrefix(line, name+"=") }
		if slices.ContainsFunc(more, same) || slices.ContainsFunc(lines[i+1:], same) {
			lines = slices.Delete(lines, i, i+1)
		}
	}
	return strings.ReplaceAll(strings.Join(append(lines, more...), "\n")+"\n", "$FOLDER", s.Folder)
}

func (s *ZabbixServer) phpIni() string {
	return strings.Join([]string{
		"post_max_size=64M", "max_execution_time=300", "max_input_time=300", "memory_limit=512M", "date.timezone=UTC",
		"display_errors=0", "log_errors=1", "error_log=" + s.path("frontend/php.log"),
		"session.save_path=" + s.path("frontend"), "auto_prepend_file=" + s.path("prepend.php"),
		"opcache.enable=1", "opcache.revalidate_freq=0", "opcache.jit=off", // a test may append to prepend.php
	}, "\n") + "\n"
}

// prepend returns the file that php reads before each other.
func (s *ZabbixServer) prepend() string {
	return fmt.Sprintf("<?php define('PENSTOCK_LAB_CONF', '%s');\n", s.path("zabbix.conf.php"))
}

func (s *ZabbixServer) frontendConf(port int) string {
	return fmt.Sprintf(`<?php
$DB['TYPE'] = 'POSTGRESQL'; $DB['SERVER'] = '%s'; $DB['PORT'] = '5432'; $DB['DATABASE'] = 'zabbix';
$DB['USER'] = 'zabbix'; $DB['PASSWORD'] = ''; $DB['SCHEMA'] = ''; $DB['ENCRYPTION'] = false;
$DB['KEY_FILE'] = ''; $DB['CERT_FILE'] = ''; $DB['CA_FILE'] = ''; $DB['VERIFY_HOST'] = false; $DB['CIPHER_LIST'] = '';
$DB['VAULT_URL'] = ''; $DB['VAULT_DB_PATH'] = ''; $DB['VAULT_TOKEN'] = ''; $DB['DOUBLE_IEEE754'] = true;
$ZBX_SERVER = '127.0.0.1'; $ZBX_SERVER_PORT = '%d'; $ZBX_SERVER_NAME = 'lab'; $IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
`, s.database(), port)
}
