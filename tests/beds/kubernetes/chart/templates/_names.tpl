{{/*
Copyright (c) 2026, the gpufleet.openstack authors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/}}

{{/* Labels that capi-helm and the health checks go by. */}}
{{- define "cluster.labels" -}}
capi.stackhpc.com/cluster: {{ .Release.Name }}
{{- end -}}

{{- define "controlPlane.labels" -}}
{{ include "cluster.labels" . }}
capi.stackhpc.com/component: control-plane
{{- end -}}

{{- define "nodeGroup.labels" -}}
{{- $root := index . 0 -}}
{{- $group := index . 1 -}}
{{ include "cluster.labels" $root }}
capi.stackhpc.com/component: worker
capi.stackhpc.com/node-group: {{ $group.name }}
{{- end -}}

{{/* A template of machines; it never changes, but gets another name. */}}
{{- define "machineTemplate.spec" -}}
{{- $root := index . 0 -}}
{{- $machine := index . 1 -}}
template:
  spec:
    identityRef:
      name: {{ $root.Values.cloudCredentialsSecretName }}
      cloudName: openstack
    flavor: {{ required "machineFlavor is required" $machine.machineFlavor | quote }}
    image:
      id: {{ required "machineImageId is required" $root.Values.machineImageId }}
    {{- with $root.Values.machineSSHKeyName }}
    sshKeyName: {{ . }}
    {{- end }}
{{- end -}}

{{- define "machineTemplate.name" -}}
{{- $root := index . 0 -}}
{{- $component := index . 2 -}}
{{ $root.Release.Name }}-{{ $component }}-{{ include "machineTemplate.spec" . | sha256sum | trunc 8 }}
{{- end -}}

{{/* How kubeadm registers a node; local_hostname is cloud-init's. */}}
{{- define "nodeRegistration" -}}
nodeRegistration:
  name: '{{ "{{ local_hostname }}" }}'
  kubeletExtraArgs:
    cloud-provider: external
    {{- with . }}
    node-labels: {{ . }}
    {{- end }}
{{- end -}}

{{- define "nodeGroup.bootstrap" -}}
{{- $labels := list (printf "capi.stackhpc.com/node-group=%s" .name) -}}
{{- range $key, $value := .nodeLabels }}
{{- $labels = append $labels (printf "%s=%s" $key $value) }}
{{- end -}}
joinConfiguration:
  {{- include "nodeRegistration" (join "," $labels) | nindent 2 }}
{{- end -}}

{{- define "nodeGroup.bootstrapName" -}}
{{- $root := index . 0 -}}
{{- $group := index . 1 -}}
{{ $root.Release.Name }}-{{ $group.name }}-{{ include "nodeGroup.bootstrap" $group | sha256sum | trunc 8 }}
{{- end -}}
