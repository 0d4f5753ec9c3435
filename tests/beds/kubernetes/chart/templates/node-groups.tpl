{{/*
Copyright (c) 2026, the gpufleet.openstack authors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/}}
{{- range .Values.nodeGroups }}
{{- $group := deepCopy $.Values.nodeGroupDefaults | mustMerge . }}
{{- $template := list $ $group $group.name }}
{{- if not (regexMatch "^[a-z][a-z0-9\\-]+[a-z0-9]$" $group.name) }}
{{- fail (printf "Node group name must be at least three characters long and must contain only lower-case alphanumeric characters and dashes (found name: %s)" $group.name) }}
{{- end }}
---
apiVersion: cluster.x-k8s.io/v1beta1
kind: MachineDeployment
metadata:
  name: {{ $.Release.Name }}-{{ $group.name }}
  labels:
    {{- include "nodeGroup.labels" (list $ $group) | nindent 4 }}
  {{- if $group.autoscale }}
  annotations:
    cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size: {{ quote $group.machineCountMin }}
    cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size: {{ quote $group.machineCountMax }}
  {{- end }}
spec:
  clusterName: {{ $.Release.Name }}
  {{- if not $group.autoscale }}
  replicas: {{ $group.machineCount }}
  {{- end }}
  strategy:
    {{- toYaml $group.rolloutStrategy | nindent 4 }}
  selector:
    matchLabels:
      {{- include "nodeGroup.labels" (list $ $group) | nindent 6 }}
      cluster.x-k8s.io/cluster-name: {{ $.Release.Name }}
  template:
    metadata:
      labels:
        {{- include "nodeGroup.labels" (list $ $group) | nindent 8 }}
    spec:
      clusterName: {{ $.Release.Name }}
      version: v{{ $.Values.kubernetesVersion }}
      bootstrap:
        configRef:
          apiVersion: bootstrap.cluster.x-k8s.io/v1beta1
          kind: KubeadmConfigTemplate
          name: {{ include "nodeGroup.bootstrapName" (list $ $group) }}
      infrastructureRef:
        apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
        kind: OpenStackMachineTemplate
        name: {{ include "machineTemplate.name" $template }}
      nodeDrainTimeout: {{ $group.nodeDrainTimeout }}
      nodeVolumeDetachTimeout: {{ $group.nodeVolumeDetachTimeout }}
      nodeDeletionTimeout: {{ $group.nodeDeletionTimeout }}
---
apiVersion: bootstrap.cluster.x-k8s.io/v1beta1
kind: KubeadmConfigTemplate
metadata:
  name: {{ include "nodeGroup.bootstrapName" (list $ $group) }}
  labels:
    {{- include "nodeGroup.labels" (list $ $group) | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  template:
    spec:
      {{- include "nodeGroup.bootstrap" $group | nindent 6 }}
---
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: OpenStackMachineTemplate
metadata:
  name: {{ include "machineTemplate.name" $template }}
  labels:
    {{- include "nodeGroup.labels" (list $ $group) | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  {{- include "machineTemplate.spec" $template | nindent 2 }}
{{- if $group.healthCheck.enabled }}
---
apiVersion: cluster.x-k8s.io/v1beta1
kind: MachineHealthCheck
metadata:
  name: {{ $.Release.Name }}-{{ $group.name }}
  labels:
    {{- include "nodeGroup.labels" (list $ $group) | nindent 4 }}
spec:
  clusterName: {{ $.Release.Name }}
  selector:
    matchLabels:
      {{- include "nodeGroup.labels" (list $ $group) | nindent 6 }}
  {{- toYaml $group.healthCheck.spec | nindent 2 }}
{{- end }}
{{- end }}
