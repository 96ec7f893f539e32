{{/* FULL: what the names of all objects begin with. */}}
{{- define "batchwarden.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end }}

{{/* What selects the Pods of a component, and never changes. Takes (list $ component). */}}
{{- define "batchwarden.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ default $.Chart.Name $.Values.nameOverride }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels, and annotations if there are any. Takes (list $ component-or-"" [more annotations [more labels]]). */}}
{{- define "batchwarden.metadata" -}}
{{- $ := index . 0 -}}
{{- $annotations := dict -}}
{{- $labels := dict -}}
{{- if gt (len .) 2 }}{{ $annotations = index . 2 }}{{ end -}}
{{- if gt (len .) 3 }}{{ $labels = index . 3 }}{{ end -}}
labels:
  {{- with index . 1 }}
  {{- include "batchwarden.selector" (list $ .) | nindent 2 }}
  {{- else }}
  app.kubernetes.io/name: {{ default $.Chart.Name $.Values.nameOverride }}
  app.kubernetes.io/instance: {{ $.Release.Name }}
  {{- end }}
  app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" $.Chart.Name (replace "+" "_" $.Chart.Version) }}
  {{- with merge (dict) $labels $.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) $annotations $.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "batchwarden.image" -}}
{{- with .Values.image -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{- define "batchwarden.servingSecret" -}}
{{- $full := include "batchwarden.fullname" . -}}
{{- if eq .Values.certificates.servingSecret (printf "%s-authority" $full) -}}
  {{- fail "certificates.servingSecret is the name of the Secret with the CA's key, which webhooks must not read; give another" -}}
{{- end -}}
{{- default (printf "%s-serving" $full) .Values.certificates.servingSecret -}}
{{- end }}

{{/*
A Deployment. Takes a dict: root; component; own: its values; spec: replicas and strategy; args; ports;
mounts: what is mounted, by name, each a path and a volume; annotations of its Pods.
*/}}
{{- define "batchwarden.deployment" -}}
{{- $ := .root }}
{{- $component := .component }}
{{- $name := printf "%s-%s" (include "batchwarden.fullname" $) .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ $.Release.Namespace }}
  {{- include "batchwarden.metadata" (list $ .component) | nindent 2 }}
spec:
  {{- toYaml .spec | nindent 2 }}
  selector:
    matchLabels:
      {{- include "batchwarden.selector" (list $ .component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- with merge (dict) .own.podLabels $.Values.commonLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- include "batchwarden.selector" (list $ .component) | nindent 8 }}
        app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
      {{- with merge (dict) .own.podAnnotations $.Values.commonAnnotations .annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: true
      {{- with $.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .own.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $.Values.podSecurityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      terminationGracePeriodSeconds: {{ add 20 (default 0 .own.drainSeconds) }}
      {{- with .own.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .own.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .own.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .own.topologySpreadConstraints }}
      {{- $ours := dict "labelSelector" (dict "matchLabels" (include "batchwarden.selector" (list $ $component) | fromYaml)) }}
      topologySpreadConstraints:
        {{- range . }}
        - {{- merge (dict) . (hasKey . "labelSelector" | ternary (dict) $ours) | toYaml | nindent 10 }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "batchwarden.image" $ }}
          imagePullPolicy: {{ $.Values.image.pullPolicy }}
          args:
            {{- toYaml .args | nindent 12 }}
          ports:
            {{- range $port, $number := .ports }}
            - {name: {{ $port }}, containerPort: {{ $number }}, protocol: TCP}
            {{- end }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          livenessProbe:
            httpGet: {path: /livez, port: status}
            initialDelaySeconds: 5
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /readyz, port: status}
            periodSeconds: 2
            timeoutSeconds: 2
          resources:
            {{- toYaml .own.resources | nindent 12 }}
          volumeMounts:
            {{- range $mount, $what := .mounts }}
            - {name: {{ $mount }}, mountPath: {{ $what.path }}, readOnly: true}
            {{- end }}
            - {name: tmp, mountPath: /tmp}
      volumes:
        {{- range $mount, $what := .mounts }}
        - name: {{ $mount }}
          {{- toYaml $what.volume | nindent 10 }}
        {{- end }}
        - name: tmp
          emptyDir: {medium: Memory, sizeLimit: 16Mi}
{{- end }}

{{/*
Rules of a role: verbs on the reports that may be written, and others, if any, on those that are not. Takes
(list $ verbs other-verbs).
*/}}
{{- define "batchwarden.reportRules" -}}
{{- $ := index . 0 -}}
{{- $verbs := index . 1 -}}
{{- $others := index . 2 -}}
{{- $kinds := dict "wgpolicyk8s.io" "policyreports, clusterpolicyreports" "openreports.io" "reports, clusterreports" }}
{{- range $group, $resources := $kinds }}
{{- with has $.Values.reports.api (list "auto" $group) | ternary $verbs $others }}
- apiGroups: [{{ $group }}]
  resources: [{{ $resources }}]
  verbs: [{{ . }}]
{{- end }}
{{- end }}
{{- end }}
