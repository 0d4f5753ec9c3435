{{/*
Copyright (c) 2026, the gpufleet.openstack authors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/}}
---
apiVersion: cluster.x-k8s.io/v1beta1
kind: Cluster
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "cluster.labels" . | nindent 4 }}
spec:
  clusterNetwork:
    {{- toYaml .Values.kubeNetwork | nindent 4 }}
  controlPlaneRef:
    apiVersion: controlplane.cluster.x-k8s.io/v1beta1
    kind: KubeadmControlPlane
    name: {{ .Release.Name }}-control-plane
  infrastructureRef:
    apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
    kind: OpenStackCluster
    name: {{ .Release.Name }}
---
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: OpenStackCluster
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "cluster.labels" . | nindent 4 }}
  annotations:
    # Cluster API deletes it, after the machines.
    helm.sh/resource-policy: keep
spec:
  identityRef:
    name: {{ .Values.cloudCredentialsSecretName }}
    cloudName: openstack
  externalNetwork:
    id: {{ .Values.clusterNetworking.externalNetworkId }}
  {{- with .Values.clusterNetworking.internalNetwork }}
  {{- if or .networkFilter .subnetFilter }}
  {{- with .networkFilter }}
  network:
    id: {{ .id }}
  {{- end }}
  {{- with .subnetFilter }}
  subnets:
    - id: {{ .id }}
  {{- end }}
  {{- else }}
  managedSubnets:
    - cidr: {{ .nodeCidr }}
      {{- with $.Values.clusterNetworking.dnsNameservers }}
      dnsNameservers:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- end }}
  {{- end }}
  apiServerPort: {{ .Values.apiServer.port }}
  {{- if .Values.apiServer.enableLoadBalancer }}
  apiServerLoadBalancer:
    enabled: true
    provider: {{ .Values.apiServer.loadBalancerProvider }}
  {{- end }}
