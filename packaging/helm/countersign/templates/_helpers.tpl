{{- define "countersign.name" -}}
{{- if contains "countersign" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-countersign{{ end -}}
{{- end }}

{{- define "countersign.selector" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "countersign.labels" -}}
{{ include "countersign.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "countersign.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "countersign.name" .) }}
{{- end }}

{{/* What the chart knows of the configuration, over what the values say. */}}
{{- define "countersign.gateway" -}}
{{- $admin := dict "address" ":9901" }}
{{- $certificates := .Values.gateway.certificates | default list }}
{{- if .Values.admin.tls.secretName }}
{{- $_ := set $admin "certificateId" "countersign-admin" }}
{{- $dir := printf "/etc/countersign/secrets/%s" .Values.admin.tls.secretName }}
{{- $certificates = append $certificates (dict "id" "countersign-admin" "cert" (printf "%s/tls.crt" $dir) "key" (printf "%s/tls.key" $dir)) }}
{{- end }}
{{- $points := dict "web" (dict "address" ":8080") "webSecure" (dict "address" ":8443") "admin" $admin }}
{{- $known := dict "entryPoints" $points "timeouts" (dict "drain" (printf "%ds" (int .Values.drainSeconds))) }}
{{- if $certificates }}{{ $_ := set $known "certificates" $certificates }}{{ end }}
{{- if .Values.store.enabled }}
{{- $store := dict "url" "${COUNTERSIGN_STORE_URL}" "sealKey" "${COUNTERSIGN_SEAL_KEY}" }}
{{- /* Beside a store in a file stands what belongs to it. */}}
{{- if not .Values.persistence.existingClaim }}{{ $_ := set $store "folder" "/var/lib/countersign/store" }}{{ end }}
{{- $_ := set $known "store" $store }}
{{- end }}
{{- toYaml (dict "version" 2 "gateway" (mergeOverwrite (deepCopy .Values.gateway) $known)) }}
{{- end }}

{{/* Contradictions that Kubernetes would take, and that show at run time only. */}}
{{- define "countersign.check" -}}
{{- if .Values.store.enabled }}
{{- if not .Values.store.secretName }}{{ fail "store.secretName: the Secret with the URL of the store and its opening key" }}{{ end }}
{{- if not .Values.admin.tls.secretName }}{{ fail "admin.tls.secretName: with a store people log in at the admin entry point, which needs TLS" }}{{ end }}
{{- end }}
{{- if and .Values.persistence.existingClaim (or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1)) }}
{{- fail "persistence.existingClaim: a volume belongs to one gateway (replicaCount: 1, autoscaling.enabled: false)" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.cpu) (not .Values.autoscaling.handshakesPerSecond) }}
{{- fail "autoscaling: by autoscaling.cpu, autoscaling.handshakesPerSecond, or both" }}
{{- end }}
{{- end }}
