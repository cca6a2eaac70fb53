{{- define "gateway.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "gateway.selector" -}}
app.kubernetes.io/name: evolux-gateway
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "gateway.labels" -}}
{{ include "gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{- define "gateway.metadata" -}}
name: {{ include "gateway.name" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "gateway.labels" . | nindent 2 }}
{{- end -}}

{{- define "gateway.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "gateway.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "gateway.name" .) -}}
{{- end -}}

{{- define "gateway.tokensSecret" -}}
{{- .Values.tokens.existingSecret | default (printf "%s-tokens" (include "gateway.name" .)) -}}
{{- end -}}

{{/* The tenants whose token is a file of the mounted Secret, with commas between. */}}
{{- define "gateway.mountedTenants" -}}
{{- $names := list -}}
{{- range $name, $tenant := .Values.config.tenants -}}
{{- if not (or $tenant.token_env $tenant.token_file) }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- join "," ($names | sortAlpha) -}}
{{- end -}}

{{/* Keys and values of one table; JSON's texts, numbers and lists are TOML's too, its objects are not. */}}
{{- define "gateway.table" -}}
{{- range $key, $value := . }}
{{ $key }} = {{ if kindIs "map" $value }}{{ include "gateway.inlineTable" $value }}{{ else }}{{ toJson $value }}{{ end }}
{{- end }}
{{- end -}}

{{- define "gateway.inlineTable" -}}
{{- $pairs := list -}}
{{- range $key, $value := . }}{{ $pairs = append $pairs (printf "%s = %s" (toJson $key) (toJson $value)) }}{{ end -}}
{ {{- join ", " $pairs -}} }
{{- end -}}

{{/* Everything that is read at a start only: a change of it must roll the pods. */}}
{{- define "gateway.startConfig" -}}
{{- $tls := dict -}}
{{- if .Values.tls.existingSecret -}}
{{- $tls = dict "tls_certificate_file" "/run/secrets/tls/tls.crt" "tls_key_file" "/run/secrets/tls/tls.key" -}}
{{- end -}}
{{- $config := .Values.config -}}
[server]
{{- include "gateway.table" (merge $tls $config.server) }}
{{- range $name := list "jwt" "cache" "subscriptions" "documents" "limits" "telemetry" }}
{{- with get $config $name }}

[{{ $name }}]
{{- include "gateway.table" . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The whole TOML. */}}
{{- define "gateway.toml" -}}
{{ include "gateway.startConfig" . }}
{{- range $name, $tenant := .Values.config.tenants }}

[tenants.{{ $name | quote }}]
{{- include "gateway.table" $tenant }}
{{- if not (or $tenant.token_env $tenant.token_file) }}
token_file = {{ printf "%s/%s" $.Values.tokens.mountPath $name | quote }}
{{- end }}
{{- end }}
{{- range $name, $caller := .Values.config.callers }}

[callers.{{ $name | quote }}]
{{- include "gateway.table" $caller }}
{{- end }}
{{- end -}}

{{/* The port that a URL names or implies. */}}
{{- define "gateway.portOf" -}}
{{- $url := urlParse . -}}
{{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $named | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end -}}

{{/* Refusals that a schema cannot word. */}}
{{- define "gateway.check" -}}
{{- if not .Values.config.tenants }}
{{- fail "config.tenants: at least one tenant is needed, such as --set config.tenants.acme.base_url=https://acme.evolux.net.br" }}
{{- end }}
{{- $tokens := .Values.tokens }}
{{- $ways := list }}
{{- if $tokens.existingSecret }}{{ $ways = append $ways "existingSecret" }}{{ end }}
{{- if $tokens.create }}{{ $ways = append $ways "create" }}{{ end }}
{{- if $tokens.externalSecrets.enabled }}{{ $ways = append $ways "externalSecrets" }}{{ end }}
{{- $mounted := include "gateway.mountedTenants" . }}
{{- if gt (len $ways) 1 }}
{{- fail (printf "tokens: exactly one of existingSecret, create, externalSecrets; %s are given" (join " and " $ways)) }}
{{- end }}
{{- if and $mounted (not $ways) }}
{{- fail (printf "tokens: one of existingSecret, create, externalSecrets must hold the token of: %s" $mounted) }}
{{- end }}
{{- range $name := splitList "," $mounted }}
{{- if and $tokens.create (not (hasKey $tokens.create $name)) }}
{{- fail (printf "tokens.create.%s: the token of tenant %s is missing" $name $name) }}
{{- end }}
{{- if and $tokens.externalSecrets.enabled $name (not (hasKey $tokens.externalSecrets.data $name)) }}
{{- fail (printf "tokens.externalSecrets.data.%s: the store's entry with the token of tenant %s is missing" $name $name) }}
{{- end }}
{{- end }}
{{- if and $tokens.externalSecrets.enabled (not $tokens.externalSecrets.storeName) }}
{{- fail "tokens.externalSecrets.storeName: the name of a SecretStore is needed" }}
{{- end }}
{{- if and .Values.valkey.url .Values.valkey.existingSecret }}
{{- fail "valkey: url or existingSecret, not both" }}
{{- end }}
{{- if and .Values.valkey.url (contains "@" .Values.valkey.url) }}
{{- fail "valkey.url: a URL with a password belongs into a Secret: use valkey.existingSecret" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.hosts: at least one host name is needed" }}
{{- end }}
{{- if and .Values.gatewayRoute.enabled (not .Values.gatewayRoute.parentRefs) }}
{{- fail "gatewayRoute.parentRefs: at least one Gateway is needed" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas: at most autoscaling.maxReplicas" }}
{{- end }}
{{- end -}}
