// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/config"
)

func readFile(t *testing.T, elements ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, elements...)...))
	require.NoError(t, err)
	return string(content)
}

// documents decodes every document of a YAML file, refusing keys that stand twice.
func documents(t *testing.T, content string) []map[string]any {
	t.Helper()
	var docs []map[string]any
	for decoder := yaml.NewDecoder(strings.NewReader(content)); ; {
		var doc map[string]any
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs
		}
		require.NoError(t, err)
		docs = append(docs, doc)
	}
}

// plainImage matches an image's name without a registry's host.
var plainImage = regexp.MustCompile(`^[a-z0-9-]+(:[A-Za-z0-9._${}:-]+)?$`)

func TestCompose(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Image     string
			Command   []string
			ReadOnly  bool     `yaml:"read_only"`
			CapDrop   []string `yaml:"cap_drop"`
			Security  []string `yaml:"security_opt"`
			Ports     []string
			Volumes   []string
			DependsOn map[string]struct{ Condition string } `yaml:"depends_on"`
		}
		Volumes map[string]any
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "deploy", "docker-compose.yml")), &compose))
	assert.Len(t, compose.Services, 5)
	for name, service := range compose.Services {
		assert.Regexp(t, plainImage, service.Image, name)
		for _, port := range service.Ports {
			assert.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s is open to others: %s", name, port)
		}
		for other := range service.DependsOn {
			assert.Contains(t, compose.Services, other, name)
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if strings.HasPrefix(source, ".") {
				assert.FileExists(t, filepath.Join("..", "..", "deploy", source), name)
			} else {
				assert.Contains(t, compose.Volumes, source, name)
			}
		}
	}
	for name, command := range map[string]string{"simulator": "simulate", "setup": "setup", "threatqbeat": "run"} {
		service := compose.Services[name]
		assert.Equal(t, "threatqbeat", service.Image)
		assert.Equal(t, command, service.Command[0])
		assert.True(t, service.ReadOnly, name)
		assert.Equal(t, []string{"ALL"}, service.CapDrop, name)
		assert.Equal(t, []string{"no-new-privileges:true"}, service.Security, name)
	}
	assert.Len(t, documents(t, readFile(t, "deploy", "threatqbeat.compose.yml")), 1)
}

// kubernetesConfig returns the configuration that the manifest's config map holds.
func kubernetesConfig(t *testing.T, docs []map[string]any) string {
	t.Helper()
	data, ok := byKind(t, docs, "ConfigMap")["data"].(map[string]any)
	require.True(t, ok)
	config, ok := data["threatqbeat.yml"].(string)
	require.True(t, ok)
	return config
}

func byKind(t *testing.T, docs []map[string]any, kind string) map[string]any {
	t.Helper()
	for _, doc := range docs {
		if doc["kind"] == kind {
			return doc
		}
	}
	require.Fail(t, "no "+kind)
	return nil
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// pod is what the tests look at of a deployment's pod.
type pod struct {
	SecurityContext struct {
		RunAsNonRoot bool `yaml:"runAsNonRoot"`
		RunAsUser    int  `yaml:"runAsUser"`
	} `yaml:"securityContext"`
	Containers []struct {
		Image   string
		EnvFrom []struct {
			SecretRef struct{ Name string } `yaml:"secretRef"`
		} `yaml:"envFrom"`
		Ports []struct {
			Name          string
			ContainerPort int `yaml:"containerPort"`
		}
		StartupProbe    probe `yaml:"startupProbe"`
		LivenessProbe   probe `yaml:"livenessProbe"`
		ReadinessProbe  probe `yaml:"readinessProbe"`
		SecurityContext struct {
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct{ Drop []string }
		} `yaml:"securityContext"`
		VolumeMounts []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
		} `yaml:"volumeMounts"`
	}
	Volumes []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Claim     struct {
			ClaimName string `yaml:"claimName"`
		} `yaml:"persistentVolumeClaim"`
	}
}

func TestKubernetesManifest(t *testing.T) {
	docs := documents(t, readFile(t, "deploy", "kubernetes", "threatqbeat.yml"))
	for _, doc := range docs {
		metadata, ok := doc["metadata"].(map[string]any)
		require.True(t, ok)
		assert.Equal(t, config.Name, metadata["name"])
	}

	var deployment struct {
		Spec struct {
			Replicas int
			Strategy struct{ Type string }
			Template struct{ Spec pod }
		}
	}
	encoded, err := yaml.Marshal(byKind(t, docs, "Deployment"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(encoded, &deployment))
	assert.Equal(t, 1, deployment.Spec.Replicas)
	assert.Equal(t, "Recreate", deployment.Spec.Strategy.Type)

	spec := deployment.Spec.Template.Spec
	assert.True(t, spec.SecurityContext.RunAsNonRoot)
	require.Len(t, spec.Containers, 1)
	container := spec.Containers[0]
	assert.Equal(t, config.Name+":"+config.Version, container.Image)
	assert.True(t, container.SecurityContext.ReadOnlyRootFilesystem)
	require.NotNil(t, container.SecurityContext.AllowPrivilegeEscalation)
	assert.False(t, *container.SecurityContext.AllowPrivilegeEscalation)
	assert.Equal(t, []string{"ALL"}, container.SecurityContext.Capabilities.Drop)
	assert.Equal(t, config.Name, container.EnvFrom[0].SecretRef.Name)

	require.Len(t, container.Ports, 1)
	for _, p := range []probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
		assert.Equal(t, "/", p.HTTPGet.Path)
		assert.Equal(t, container.Ports[0].Name, p.HTTPGet.Port)
	}
	var config struct {
		Enabled bool   `yaml:"http.enabled"`
		Host    string `yaml:"http.host"`
		Port    int    `yaml:"http.port"`
	}
	text := kubernetesConfig(t, docs)
	require.NoError(t, yaml.Unmarshal([]byte(text), &config))
	assert.True(t, config.Enabled)
	assert.Equal(t, "0.0.0.0", config.Host, "a probe doesn't come over loopback")
	assert.Equal(t, container.Ports[0].ContainerPort, config.Port)

	secret, ok := byKind(t, docs, "Secret")["stringData"].(map[string]any)
	require.True(t, ok)
	for _, variable := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(text, -1) {
		assert.Contains(t, secret, variable[1])
	}
	volumes := map[string]bool{}
	for _, volume := range spec.Volumes {
		volumes[volume.Name] = volume.ConfigMap.Name == "threatqbeat" || volume.Claim.ClaimName == "threatqbeat"
	}
	for _, mount := range container.VolumeMounts {
		assert.True(t, volumes[mount.Name], mount.Name)
	}
}

func TestDockerfile(t *testing.T) {
	text := readFile(t, "Dockerfile")
	image := regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+)`)
	for _, from := range image.FindAllStringSubmatch(text, -1) {
		assert.Regexp(t, plainImage, from[1])
	}
	user := regexp.MustCompile(`(?m)^USER (\d+):\d+$`).FindStringSubmatch(text)
	require.NotNil(t, user, "must not run as root")
	// Both run as the user that the image made the owner of its volume.
	assert.Contains(t, text, "-u "+user[1])
	assert.Contains(t, readFile(t, "deploy", "kubernetes", "threatqbeat.yml"), "runAsUser: "+user[1])
	assert.Contains(t, readFile(t, "deploy", "docker-compose.yml"), "uid="+user[1])
	for _, line := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(text, -1) {
		for name := range strings.FieldsSeq(line[1]) {
			_, err := os.Stat(filepath.Join("..", "..", name))
			assert.NoError(t, err)
		}
	}
}

// TestWorkflow checks that the workflow does what .ci/run does, by calling it,
// and that the forms for issues can be read.
func TestWorkflow(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct{ Steps []struct{ Run string } }
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, ".github", "workflows", "ci.yml")), &workflow))
	var runs []string
	for _, step := range workflow.Jobs["run"].Steps {
		runs = append(runs, step.Run)
	}
	assert.Contains(t, runs, ".ci/run")
	for _, name := range []string{"bug.yml", "feature.yml", "config.yml"} {
		assert.Len(t, documents(t, readFile(t, ".github", "ISSUE_TEMPLATE", name)), 1, name)
	}
}

// TestUnit checks the service's description: that it starts what the packages
// install, as their user, and is shut in.
func TestUnit(t *testing.T) {
	settings := map[string][]string{}
	text := strings.ReplaceAll(readFile(t, "dev-tools", "packaging", "linux", "threatqbeat.service"), "\\\n", "")
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			settings[key] = append(settings[key], value)
		}
	}
	exec := strings.Fields(settings["ExecStart"][0])
	assert.Contains(t, (built{Source: &Source{Root: "../.."}}).linuxPaths(t, config.Name, "site-functions"), strings.TrimPrefix(exec[0], "/"))
	assert.Equal(t, "run", exec[1])
	for _, key := range []string{"User", "Group", "StateDirectory", "LogsDirectory", "ConfigurationDirectory"} {
		assert.Equal(t, []string{config.Name}, settings[key], key)
	}
	for _, key := range []string{
		"NoNewPrivileges", "PrivateDevices", "PrivateTmp", "ProtectClock", "ProtectControlGroups", "ProtectHome",
		"ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables",
		"RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute",
	} {
		assert.Equal(t, []string{"yes"}, settings[key], key)
	}
	assert.Equal(t, []string{"strict"}, settings["ProtectSystem"])
	assert.Equal(t, []string{""}, settings["CapabilityBoundingSet"])
}

// TestNothingWritesItsOwnCode guards the unit's MemoryDenyWriteExecute: a JSON
// library that compiles decoders at run time would not start under it.
func TestNothingWritesItsOwnCode(t *testing.T) {
	out, err := Command(t.Context(), filepath.Join("..", ".."), []string{"GOOS=linux", "CGO_ENABLED=0"}, "go", "list", "-deps", ".")
	require.NoError(t, err)
	assert.False(t, bytes.Contains([]byte(out), []byte("bytedance/sonic/loader")))
}
