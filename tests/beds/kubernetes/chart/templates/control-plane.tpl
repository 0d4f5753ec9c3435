{{/*
Copyright (c) 2026, the gpufleet.openstack authors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/}}
{{- $template := list . .Values.controlPlane "control-plane" }}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: KubeadmControlPlane
metadata:
  name: {{ .Release.Name }}-control-plane
  labels:
    {{- include "controlPlane.labels" . | nindent 4 }}
  annotations:
    # Cluster API deletes it, after the workers.
    helm.sh/resource-policy: keep
spec:
  version: v{{ .Values.kubernetesVersion }}
  replicas: {{ .Values.controlPlane.machineCount }}
  remediationStrategy:
    {{- toYaml .Values.controlPlane.remediationStrategy | nindent 4 }}
  rolloutStrategy:
    {{- toYaml .Values.controlPlane.rolloutStrategy | nindent 4 }}
  machineTemplate:
    metadata:
      labels:
        {{- include "controlPlane.labels" . | nindent 8 }}
    infrastructureRef:
      apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
      kind: OpenStackMachineTemplate
      name: {{ include "machineTemplate.name" $template }}
    nodeDrainTimeout: {{ .Values.controlPlane.nodeDrainTimeout }}
    nodeVolumeDetachTimeout: {{ .Values.controlPlane.nodeVolumeDetachTimeout }}
    nodeDeletionTimeout: {{ .Values.controlPlane.nodeDeletionTimeout }}
  kubeadmConfigSpec:
    clusterConfiguration:
      # Upstream's chart lets kubeadm run etcd. Here all clusters share one, which no
      # manager looks after.
      etcd:
        external:
          endpoints: ["https://127.0.0.1:2379"]
          caFile: /etc/kubernetes/pki/etcd/ca.crt
          certFile: /etc/kubernetes/pki/apiserver-etcd-client.crt
          keyFile: /etc/kubernetes/pki/apiserver-etcd-client.key
    initConfiguration:
      {{- include "nodeRegistration" "" | nindent 6 }}
    joinConfiguration:
      {{- include "nodeRegistration" "" | nindent 6 }}
---
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: OpenStackMachineTemplate
metadata:
  name: {{ include "machineTemplate.name" $template }}
  labels:
    {{- include "controlPlane.labels" . | nindent 4 }}
  annotations:
    # Machines of the old template need it until the last one is replaced.
    helm.sh/resource-policy: keep
spec:
  {{- include "machineTemplate.spec" $template | nindent 2 }}
---
# The control plane's manager insists on it where etcd is external; nobody uses it.
{{- $certificate := genSelfSignedCert "apiserver-etcd-client" nil nil 365 }}
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}-apiserver-etcd-client
  labels:
    cluster.x-k8s.io/cluster-name: {{ .Release.Name }}
type: cluster.x-k8s.io/secret
stringData:
  tls.crt: {{ $certificate.Cert | toJson }}
  tls.key: {{ $certificate.Key | toJson }}
{{- if .Values.controlPlane.healthCheck.enabled }}
---
apiVersion: cluster.x-k8s.io/v1beta1
kind: MachineHealthCheck
metadata:
  name: {{ .Release.Name }}-control-plane
  labels:
    {{- include "controlPlane.labels" . | nindent 4 }}
spec:
  clusterName: {{ .Release.Name }}
  selector:
    matchLabels:
      {{- include "controlPlane.labels" . | nindent 6 }}
  {{- toYaml .Values.controlPlane.healthCheck.spec | nindent 2 }}
{{- end }}
