/** The surface of `weft serve`: names, options, help. Neighbours: ../weft.ts, serve.ts (what it does, loaded when called), ../config. */
import { type Command, InvalidArgumentError, type Option } from 'commander'
import type { Endpoint } from '../../controller/controller.ts'
import { setting, withSettings } from '../config/settings.ts'
import { logOption } from './log-option.ts'
import type { Perform } from './rest-options.ts'
import type { ServeOptions } from './serve.ts'

/** `127.0.0.1:8080` or `[::1]:8080`; port 0 lets the system choose. */
function endpoint(text: string, form = 'ADDRESS:PORT, such as 127.0.0.1:8080'): Endpoint {
  const parts = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text)
  const address = parts?.[1] ?? parts?.[2]
  const port = Number(parts?.[3])
  if (address === undefined || port > 65_535) {
    throw new InvalidArgumentError(`It would be ${form}.`)
  }
  return { host: address, port }
}

/** An endpoint, or `unix:PATH`. */
function restEndpoint(text: string): Endpoint | { path: string } {
  if (text.startsWith('unix:') && text !== 'unix:') return { path: text.slice('unix:'.length) }
  return endpoint(text, 'ADDRESS:PORT or unix:PATH, such as 127.0.0.1:8080')
}

/** An option that is an endpoint; help shows its default as it would be typed. */
function endpointOption(
  flags: string,
  description: string,
  standard: string,
  parse: (text: string) => Endpoint | { path: string } = (text) => endpoint(text),
): Option {
  return setting(flags, description).argParser(parse).default(parse(standard), standard)
}

function seconds(text: string): number {
  const value = text === '' ? Number.NaN : Number(text)
  if (!(value >= 0 && value <= 600)) throw new InvalidArgumentError('It would be 0 to 600.')
  return value
}

const rows: readonly Option[] = [
  setting('--store <file>', 'SQLite file that holds the site; :memory: keeps nothing').default(
    'weft.db',
  ),
  endpointOption(
    '--rest <address:port|unix:path>',
    'where REST listens',
    '127.0.0.1:8080',
    restEndpoint,
  ),
  setting('--rest-tls-key <file>', 'private key; with both, REST is HTTPS only (PEM files)'),
  setting('--rest-tls-cert <file>', 'its certificate, with those between it and its CA'),
  setting(
    '--rest-insecure',
    'plain HTTP also where others can reach it: behind something that speaks TLS',
  ).default(false),
  endpointOption('--ovsdb <address:port>', 'where hosts dial in', '0.0.0.0:6640'),
  endpointOption('--openflow <address:port>', 'where bridges dial in', '0.0.0.0:6653'),
  setting('--apply <file>', 'topology document to apply before hosts are let in'),
  setting('--no-auth', 'let everybody in as operator; for a lab, or behind something that asks'),
  setting('--jwks <url|file>', 'keys that sign JWTs, of an OIDC provider; with issuer, audience'),
  setting('--jwt-issuer <issuer>', 'what their `iss` must be'),
  setting('--jwt-audience <audience>', 'what their `aud` must be'),
  setting('--tls-key <file>', 'private key; with all three, hosts dial by TLS only (PEM files)'),
  setting('--tls-cert <file>', 'its certificate'),
  setting('--tls-ca <file>', 'the CA that has signed the certificates of hosts'),
  setting('--grace <seconds>', 'for answers that are under way when it is told to stop')
    .argParser(seconds)
    .default(5),
  logOption(),
]

/** Adds `serve` to the command line. @param perform runs one command to its end */
export function addServe(weft: Command, perform: Perform, version: string): void {
  const serve = weft
    .command('serve')
    .description('run the controller: hosts dial in over OVSDB, tenants over REST')
  for (const row of rows) serve.addOption(row)
  withSettings(serve)
    .addHelpText(
      'after',
      `
Examples:
  $ weft serve
  $ weft serve --store /var/lib/weft/site.db --rest 127.0.0.1:8080 --ovsdb 198.51.100.1:6640
  $ weft serve --jwks https://login.example.org/jwks.json --jwt-issuer https://login.example.org --jwt-audience weft
  $ weft serve --tls-key pki/controller.key --tls-cert pki/controller.crt --tls-ca pki/ca.crt
  $ weft serve --rest 0.0.0.0:8443 --rest-tls-key pki/controller.key --rest-tls-cert pki/controller.crt
  $ WEFT_STORE=site.db weft serve --config /etc/weft/serve.yaml --print-config
  $ curl http://127.0.0.1:8080/openapi.json
  $ curl -H "authorization: Bearer $(cat weft.db.operator-token)" http://127.0.0.1:8080/v1/infra/hosts`,
    )
    .action((_: unknown, command: Command) =>
      perform(async (signal) => {
        const { configured } = await import('../config/configured.ts')
        const options = configured<Omit<ServeOptions, 'signal' | 'version'>>(command)
        if (options === undefined) return 0
        const { serve } = await import('./serve.ts')
        return serve({ ...options, version, signal })
      }),
    )
}
