#!/usr/bin/env node
/**
 * `weft`: the command line. Only its surface: names, options, help. What a subcommand does lives in
 * commands/ and is loaded when it is called, so that `weft --version` loads nothing of Weft.
 *
 * A subcommand gets its options and an AbortSignal, and resolves to the exit code once everything it
 * started is gone again. Neighbours: stop.ts (signals to AbortSignal), commands/serve.ts, commands/lab.ts,
 * and for each of the others commands/*-options.ts.
 */

import { readFileSync } from 'node:fs'
import { argv, versions } from 'node:process'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Endpoint } from '../controller/controller.ts'
import { addAgent } from './commands/agent-options.ts'
import { addAttach } from './commands/attach-options.ts'
import { addBackup } from './commands/backup-options.ts'
import { addCompletion } from './commands/completion.ts'
import { addDocuments } from './commands/documents-options.ts'
import { addEvents } from './commands/events-options.ts'
import { addLab } from './commands/lab-options.ts'
import { addObjects } from './commands/objects-options.ts'
import { addPki } from './commands/pki-options.ts'
import { exitCodes } from './commands/rest-options.ts'
import type { ServeOptions } from './commands/serve.ts'
import { addSwitch } from './commands/switch-options.ts'
import { addToken } from './commands/token-options.ts'
import { addTrace } from './commands/trace-options.ts'
import { explain } from './explain.ts'
import { isStop, stopSignal } from './stop.ts'
import { UsageError } from './usage.ts'

const oldestNode = 24

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
  return new Option(flags, description).argParser(parse).default(parse(standard), standard)
}

/** Runs one subcommand to its end; the process ends by itself once nothing of it is left. */
async function perform(command: (signal: AbortSignal) => Promise<number>): Promise<void> {
  if (Number.parseInt(versions.node, 10) < oldestNode) {
    process.stderr.write(
      `weft: needs Node ${oldestNode} or newer, this is ${versions.node}: ` +
        `npm install node@${oldestNode} in this folder, then npx weft\n`,
    )
    process.exitCode = 1
    return
  }
  const signal = stopSignal()
  try {
    process.exitCode = await command(signal)
  } catch (error) {
    const stopped = isStop(error, signal) ? 'stopped' : `stopped: ${explain(error)}`
    process.stderr.write(`weft: ${signal.aborted ? stopped : explain(error)}\n`)
    process.exitCode = signal.aborted ? 130 : error instanceof UsageError ? 2 : 1
  }
}

const manifest: { version: string; description: string } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
)

const weft = new Command('weft')
  .description(manifest.description)
  .version(manifest.version)
  // What commander refuses was typed wrongly; help and version are no refusals.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .addHelpText(
    'after',
    `
Examples:
  $ weft lab                                  two tenants on two hosts in this process, checked, then served
  $ weft lab --lab netns --check my-site.yaml the same on real Open vSwitch (root); exit code 0 or 1
  $ weft serve --store site.db                the controller; on a host: ovs-vsctl set-manager tcp:ADDRESS:6640
  $ weft switch --rundir ./run                a userspace switch for ovs-vsctl, ovs-ofctl and any controller
  $ weft agent --tunnel-ip 192.0.2.11         this Linux host as a VTEP, for vtep-ctl and any controller
  $ weft attach acme/vm1 --format libvirt     what makes a VM that port, for six hypervisors
  $ weft pki init && weft pki host h1 h2      keys and certificates, so that hosts prove who they are
  $ weft plan -f site.yaml                    what a document would change; then weft apply -f site.yaml
  $ weft get ports                            what there is, and whether hosts have it
  $ weft token create ci --tenant acme --role member

${exitCodes}`,
  )

weft.commandsGroup('Controller and hosts:')
weft
  .command('serve')
  .description('run the controller: hosts dial in over OVSDB, tenants over REST')
  .option('--store <file>', 'SQLite file that holds the site; :memory: keeps nothing', 'weft.db')
  .addOption(
    endpointOption(
      '--rest <address:port|unix:path>',
      'where REST listens',
      '127.0.0.1:8080',
      restEndpoint,
    ),
  )
  .addOption(endpointOption('--ovsdb <address:port>', 'where hosts dial in', '0.0.0.0:6640'))
  .addOption(endpointOption('--openflow <address:port>', 'where bridges dial in', '0.0.0.0:6653'))
  .option('--apply <file>', 'topology document to apply before hosts are let in')
  .option('--no-auth', 'let everybody in as operator; for a lab, or behind something that asks')
  .option('--jwks <url|file>', 'keys that sign JWTs, of an OIDC provider; with issuer and audience')
  .option('--jwt-issuer <issuer>', 'what their `iss` must be')
  .option('--jwt-audience <audience>', 'what their `aud` must be')
  .option('--tls-key <file>', 'private key; with all three, hosts dial by TLS only (PEM files)')
  .option('--tls-cert <file>', 'its certificate')
  .option('--tls-ca <file>', 'the CA that has signed the certificates of hosts')
  .addHelpText(
    'after',
    `
Examples:
  $ weft serve
  $ weft serve --store /var/lib/weft/site.db --rest 127.0.0.1:8080 --ovsdb 198.51.100.1:6640
  $ weft serve --jwks https://login.example.org/jwks.json --jwt-issuer https://login.example.org --jwt-audience weft
  $ weft serve --tls-key pki/controller.key --tls-cert pki/controller.crt --tls-ca pki/ca.crt
  $ curl http://127.0.0.1:8080/openapi.json
  $ curl -H "authorization: Bearer $(cat weft.db.operator-token)" http://127.0.0.1:8080/v1/infra/hosts`,
  )
  .action((options: Omit<ServeOptions, 'signal' | 'version'>) =>
    perform(async (signal) => {
      const { serve } = await import('./commands/serve.ts')
      return serve({ ...options, version: manifest.version, signal })
    }),
  )

addLab(weft, perform)
addSwitch(weft, perform)
addAgent(weft, perform)
addPki(weft, perform)
weft.commandsGroup('The site and its tenants:')
addDocuments(weft, perform)
addBackup(weft, perform)
addObjects(weft, perform)
addAttach(weft, perform)
addEvents(weft, perform)
addTrace(weft, perform)
addToken(weft, perform)
weft.commandsGroup('This command line:')
addCompletion(weft, perform)

await weft.parseAsync(argv)
