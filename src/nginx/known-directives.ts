// What is said of directives that nothing else of the importer has answered for: those that change nothing about who may call what,
// those with another form here, and those whose loss would open something. What is not in this list is a loss.
import type { LossCode } from '../import/losses.ts';
import type { Directive } from './directive.ts';

export type Known =
  | { readonly kind: 'left'; readonly says: string }
  | { readonly kind: 'changed'; readonly says: string }
  | { readonly kind: 'lost'; readonly code: LossCode; readonly says: string };

const process = 'how processes run is not in this file';
const logs = 'logs have keys of their own here (gateway.log, gateway.accessLog)';
const buffers = 'buffers, sockets and caches of nginx itself';
const files = 'about files that are served from a disk, which the gateway does not do';
const cache = 'answers are not cached: every one comes from the backend';

const left: ReadonlyMap<string, string> = new Map([
  ...each(
    process,
    'user worker_processes worker_rlimit_nofile worker_rlimit_core worker_cpu_affinity worker_priority worker_shutdown_timeout pid ' +
      'daemon master_process lock_file pcre_jit timer_resolution working_directory thread_pool env load_module debug_points events ' +
      'worker_connections multi_accept use accept_mutex google_perftools_profiles',
  ),
  ...each(
    logs,
    'error_log access_log log_format open_log_file_cache log_not_found log_subrequest rewrite_log uninitialized_variable_warn',
  ),
  ...each(
    buffers,
    'sendfile sendfile_max_chunk tcp_nopush tcp_nodelay aio directio output_buffers postpone_output server_names_hash_bucket_size ' +
      'server_names_hash_max_size types_hash_max_size types_hash_bucket_size variables_hash_max_size variables_hash_bucket_size ' +
      'map_hash_max_size map_hash_bucket_size client_header_buffer_size large_client_header_buffers client_body_buffer_size ' +
      'client_body_temp_path client_body_in_single_buffer client_body_in_file_only connection_pool_size request_pool_size proxy_buffering ' +
      'proxy_buffers proxy_buffer_size proxy_busy_buffers_size proxy_temp_path proxy_temp_file_write_size proxy_max_temp_file_size ' +
      'proxy_headers_hash_max_size proxy_headers_hash_bucket_size proxy_http_version proxy_socket_keepalive proxy_request_buffering ' +
      'proxy_force_ranges grpc_buffer_size grpc_socket_keepalive proxy_bind open_file_cache open_file_cache_valid open_file_cache_min_uses ' +
      'open_file_cache_errors reset_timedout_connection lingering_close lingering_time lingering_timeout keepalive_requests ' +
      'keepalive_disable keepalive_time ' +
      ' http2_max_field_size http2_max_header_size http2_max_requests http2_recv_buffer_size ' +
      'http2_chunk_size http2_idle_timeout http2_recv_timeout limit_rate limit_rate_after gzip_buffers gzip_http_version gzip_proxied ' +
      'gzip_vary gzip_disable gzip_static read_ahead preread_buffer_size preread_timeout tcp_nodelay proxy_download_rate proxy_upload_rate ' +
      'proxy_half_close post_action msie_padding msie_refresh ignore_invalid_headers underscores_in_headers chunked_transfer_encoding ' +
      'http2_push http2_push_preload max_ranges variables_hash',
  ),
  ...each(
    files,
    'root index autoindex autoindex_exact_size autoindex_localtime autoindex_format random_index disable_symlinks charset default_type types etag if_modified_since charset_types source_charset override_charset include',
  ),
  ...each(
    cache,
    'proxy_cache proxy_cache_path proxy_cache_valid proxy_cache_key proxy_cache_bypass proxy_no_cache proxy_cache_use_stale ' +
      'proxy_cache_lock proxy_cache_lock_timeout proxy_cache_lock_age proxy_cache_methods proxy_cache_min_uses proxy_cache_revalidate ' +
      'proxy_cache_background_update proxy_cache_convert_head proxy_cache_purge proxy_ignore_headers proxy_store proxy_store_access slice',
  ),
  ...each(
    'OpenSSL and the gateway choose these well by themselves',
    'ssl_session_cache ssl_dhparam ssl_prefer_server_ciphers ssl_buffer_size ssl_early_data ssl_handshake_timeout ssl_stapling_verify ' +
      'ssl_ocsp_cache proxy_ssl_session_reuse grpc_ssl_session_reuse proxy_ssl_ciphers grpc_ssl_ciphers ssl_stapling_responder',
  ),
  ...each('names of backends are looked up by the gateway itself (networking.dnsCache)', 'resolver resolver_timeout'),
  ...each(
    'a backend that cannot be connected is left out for a while, and another one is tried',
    'proxy_next_upstream proxy_next_upstream_tries proxy_next_upstream_timeout grpc_next_upstream grpc_next_upstream_tries max_fails',
  ),
  ...each(
    'counts only where another directive uses it, and there that is said',
    'limit_req_zone limit_req_status limit_req_log_level limit_conn_zone limit_conn_status limit_conn_log_level geoip_country ' +
      'geoip_city geoip_org geoip2 auth_request_set js_import js_include js_path js_var js_set js_preload_object perl_modules ' +
      'perl_require perl_set lua_package_path lua_package_cpath lua_shared_dict lua_code_cache lua_ssl_trusted_certificate ' +
      'lua_ssl_verify_depth lua_socket_log_errors lua_check_client_abort userid',
  ),
  ...each(
    'no request meets it: every location that could has its own, or asks no backend',
    'proxy_set_header grpc_set_header add_header client_max_body_size proxy_read_timeout proxy_connect_timeout grpc_read_timeout ' +
      'grpc_connect_timeout proxy_hide_header grpc_hide_header proxy_ssl_verify proxy_ssl_verify_depth proxy_ssl_trusted_certificate ' +
      'proxy_ssl_certificate proxy_ssl_certificate_key proxy_ssl_name proxy_ssl_server_name proxy_ssl_crl proxy_ssl_protocols ' +
      'grpc_ssl_verify grpc_ssl_trusted_certificate grpc_ssl_certificate grpc_ssl_certificate_key grpc_ssl_name grpc_ssl_server_name ' +
      'allow deny auth_basic auth_basic_user_file limit_req satisfy',
  ),
  ...each('HTTP/3 is not spoken', 'http3 http3_hq quic_retry quic_gso ssl_quic'),
  ...each('the gateway says nothing about itself', 'server_tokens more_clear_headers_server'),
  ...each('matches are told from paths in one form', 'merge_slashes'),
  ...each('about redirects that nginx makes for files', 'absolute_redirect port_in_redirect server_name_in_redirect'),
  ...each('bodies are passed on', 'proxy_pass_request_body'),
  ...each(
    'only counted, nothing is decided by it',
    'stub_status status_zone vhost_traffic_status_zone vhost_traffic_status',
  ),
]);

const changed: ReadonlyMap<string, string> = new Map([
  ...each(
    'bodies of errors are the gateway’s own; write errorInterceptor for others',
    'error_page proxy_intercept_errors grpc_intercept_errors recursive_error_pages fastcgi_intercept_errors',
  ),
  ...each(
    'Location and cookies of the backend pass as they are',
    'proxy_redirect proxy_cookie_path proxy_cookie_domain proxy_cookie_flags',
  ),
  ...each(
    'answers are not compressed unless a middleware of type compress says so',
    'gzip gzip_types gzip_min_length gzip_comp_level brotli brotli_types brotli_comp_level brotli_static brotli_min_length gunzip',
  ),
  ...each('caching of answers is for the backend to say', 'expires'),
  ...each(
    'a client that stalls is cut off by gateway.timeouts (minRequestRate, minResponseRate, drain)',
    'client_body_timeout client_header_timeout send_timeout proxy_send_timeout grpc_send_timeout client_header_timeout',
  ),
  ...each(
    'HTTP/2 is offered wherever TLS is (gateway.http2)',
    'http2 http2_max_concurrent_streams http2_max_concurrent_pushes',
  ),
  ...each('a request is copied to nobody', 'mirror mirror_request_body'),
  ...each(
    'which fields of a backend pass is for middlewares of type responseHeaders',
    'proxy_pass_header grpc_pass_header',
  ),
  ...each(
    'answers pass as they are',
    'sub_filter sub_filter_once sub_filter_types sub_filter_last_modified add_before_body add_after_body addition_types ssi ssi_types ssi_silent_errors image_filter xslt_stylesheet',
  ),
]);

const lost: ReadonlyMap<string, readonly [LossCode, string]> = new Map([
  ...lose(
    'external_authorization',
    'write a middleware of type forwardAuth: it sends the service what the configuration names, not every header of the client',
    'auth_request ',
  ),
  ...lose(
    'password_login',
    'no such way of logging in',
    'auth_ldap auth_pam auth_pam_service_name auth_digest auth_digest_user_file auth_spnego auth_gss',
  ),
  ...lose(
    'token_check',
    'write a middleware of type jwtAuth',
    'auth_jwt auth_jwt_key_file auth_jwt_key_request auth_jwt_require auth_jwt_claim_set auth_jwt_type auth_jwt_leeway',
  ),
  ...lose('identity_rule', 'here every rule has to hold', 'satisfy_any'),
  ...lose(
    'rate_limit',
    'has another meaning than rateLimit and clientLimits here',
    'limit_req_dry_run limit_conn limit_conn_dry_run limit_zone',
  ),
  ...lose(
    'custom_code',
    'code is not run here',
    'js_content js_access js_body_filter js_header_filter js_filter js_preread perl ',
  ),
  ...lose(
    'route_left_out',
    'files are not served, and programs not run, by the gateway',
    'try_files alias dav_methods dav_access create_full_put_path fastcgi_pass uwsgi_pass scgi_pass memcached_pass flv mp4 empty_gif ',
  ),
  ...lose(
    'request_filter',
    'no counterpart: what it refuses would pass',
    'modsecurity modsecurity_rules modsecurity_rules_file modsecurity_rules_remote valid_referers secure_link secure_link_md5 secure_link_secret access_by_lua naxsi_rules ModSecurityEnabled ModSecurityConfig LearningMode SecRulesEnabled CheckRule',
  ),
  ...lose('match_condition', 'what it is computed from decides nothing here', 'map geo split_clients'),
  ...lose(
    'certificate_rule',
    'no counterpart',
    'ssl_engine ssl_conf_command ssl_password_file proxy_ssl_password_file proxy_ssl_conf_command grpc_ssl_conf_command grpc_ssl_password_file ssl_certificate_compression ssl_certificate_cache ssl_key_log ssl_object_cache_inheritable',
  ),
  ...lose('proxy_header', 'no counterpart', 'set_real_ip_from real_ip_header real_ip_recursive'),
  ...lose('raw_connections', 'mail is not proxied', 'mail'),
  ...lose(
    'header_edit',
    'fields are edited by middlewares of type requestHeaders and responseHeaders',
    'more_set_headers more_clear_headers more_set_input_headers more_clear_input_headers proxy_pass_request_headers proxy_set_body proxy_method',
  ),
]);

/** `within`: name of the block around it. */
export function describeKnown(directive: Directive, within: string): Known {
  const { name } = directive;
  const plain = left.get(name);
  if (plain !== undefined || within === 'types') return { kind: 'left', says: plain ?? files };
  const other = changed.get(name);
  if (other !== undefined) return { kind: 'changed', says: other };
  if (/^(?:fastcgi|uwsgi|scgi|memcached)_(?!pass$)/.test(name))
    return { kind: 'left', says: 'about programs, which are not run' };
  const [code, says] = lost.get(name) ?? [];
  if (code !== undefined && says !== undefined) return { kind: 'lost', code, says };
  if (/_by_lua(?:_block|_file)?$/.test(name)) return { kind: 'lost', code: 'custom_code', says: 'Lua is not run here' };
  return { kind: 'lost', code: 'unknown_field', says: 'the importer does not know it here' };
}

function each(says: string, names: string): [string, string][] {
  return names.split(' ').map((name) => [name, says]);
}

function lose(code: LossCode, says: string, names: string): [string, readonly [LossCode, string]][] {
  return names.split(' ').map((name) => [name, [code, says]]);
}
