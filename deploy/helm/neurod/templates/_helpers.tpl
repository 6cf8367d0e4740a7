{{- define "neurod.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "neurod.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "neurod.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "neurod.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Labels that select a component: list context, component. */ -}}
{{- define "neurod.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "neurod.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "neurod.labels" -}}
{{- $ := index . 0 -}}
{{ include "neurod.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "neurod.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "neurod.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "neurod.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- /* A pod's own security: no root, no privilege, nothing to write to but what is mounted. */ -}}
{{- define "neurod.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "neurod.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* Settings of a process: secrets by reference, then the release's. */ -}}
{{- define "neurod.env" -}}
{{- $secret := required "existingSecret is required: the Secret with DATABASE_URL, REDIS_URL and NEUROD_JWT_SECRET" .Values.existingSecret -}}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ $secret | quote }}, key: {{ .Values.secretKeys.databaseURL | quote }}}}
- name: REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ $secret | quote }}, key: {{ .Values.secretKeys.redisURL | quote }}}}
- name: NEUROD_JWT_SECRET
  valueFrom: {secretKeyRef: {name: {{ $secret | quote }}, key: {{ .Values.secretKeys.jwtSecret | quote }}}}
{{- with .Values.secretKeys.metricsToken }}
- name: NEUROD_METRICS_TOKEN
  valueFrom: {secretKeyRef: {name: {{ $secret | quote }}, key: {{ . | quote }}}}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- if has $name (list "DATABASE_URL" "REDIS_URL" "NEUROD_JWT_SECRET" "NEUROD_OPERATOR_PASSWORD" "NEUROD_METRICS_TOKEN" "NEUROD_OIDC_CLIENT_SECRET") }}
{{- fail (printf "settings.%s is a secret: give it by existingSecret or extraEnv" $name) }}
{{- end }}
{{- if has $name (list "NEUROD_ADDR" "NEUROD_PORT" "NEUROD_WORKER_ADDR" "NEUROD_SHUTDOWN_TIMEOUT" "NEUROD_WORKER_CONCURRENCY") }}
{{- fail (printf "settings.%s follows from other values of the chart" $name) }}
{{- end }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Where pods go. */ -}}
{{- define "neurod.placement" -}}
{{- $ := index . 0 -}}
{{- with $.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {{ include "neurod.selector" . | fromYaml | toJson }}}
{{- end -}}
