#!/usr/bin/env node
/**
 * `weft`: the command line. Only its surface: names, options, help. What a subcommand does lives in
 * commands/ and is loaded when it is called, so that `weft --version` loads nothing of Weft.
 *
 * A subcommand gets its options and an AbortSignal, and resolves to the exit code once everything it
 * started is gone again. Neighbours: stop.ts (signals to AbortSignal), commands/serve.ts, commands/lab.ts.
 */

import { readFileSync } from 'node:fs'
import { argv, versions } from 'node:process'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Endpoint } from '../controller/controller.ts'
import type { ServeOptions } from './commands/serve.ts'
import { explain } from './explain.ts'
import { stopSignal } from './stop.ts'

const oldestNode = 24

/** `127.0.0.1:8080` or `[::1]:8080`; port 0 lets the system choose. */
function endpoint(text: string): Endpoint {
  const parts = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text)
  const address = parts?.[1] ?? parts?.[2]
  const port = Number(parts?.[3])
  if (address === undefined || port > 65_535) {
    throw new InvalidArgumentError('It would be ADDRESS:PORT, such as 127.0.0.1:8080.')
  }
  return { host: address, port }
}

/** An endpoint, or `unix:PATH`. */
function restEndpoint(text: string): Endpoint | { path: string } {
  return text.startsWith('unix:') ? { path: text.slice('unix:'.length) } : endpoint(text)
}

/** Runs one subcommand to its end; the process ends by itself once nothing of it is left. */
async function perform(command: (signal: AbortSignal) => Promise<number>): Promise<void> {
  if (Number.parseInt(versions.node, 10) < oldestNode) {
    process.stderr.write(
      `weft: needs Node ${oldestNode} or newer, this is ${versions.node}: npm install node@${oldestNode}\n`,
    )
    process.exitCode = 1
    return
  }
  try {
    process.exitCode = await command(stopSignal())
  } catch (error) {
    process.stderr.write(`weft: ${explain(error)}\n`)
    process.exitCode = 1
  }
}

const manifest: { version: string; description: string } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
)

const weft = new Command('weft')
  .description(manifest.description)
  .version(manifest.version)
  .addHelpText(
    'after',
    `
Examples:
  $ weft lab                                  two tenants on two hosts in this process, checked, then served
  $ weft lab --lab netns --check my-site.yaml the same on real Open vSwitch (root); exit code 0 or 1
  $ weft serve --store site.db                the controller; on a host: ovs-vsctl set-manager tcp:ADDRESS:6640`,
  )

weft
  .command('serve')
  .description('run the controller: hosts dial in over OVSDB, tenants over REST')
  .option('--store <file>', 'SQLite file that holds the site; :memory: keeps nothing', 'weft.db')
  .option(
    '--rest <address:port|unix:path>',
    'where REST listens',
    restEndpoint,
    endpoint('127.0.0.1:8080'),
  )
  .option('--ovsdb <address:port>', 'where hosts dial in', endpoint, endpoint('0.0.0.0:6640'))
  .option('--openflow <address:port>', 'where bridges dial in', endpoint, endpoint('0.0.0.0:6653'))
  .option('--apply <file>', 'topology document to apply before hosts are let in')
  .addHelpText(
    'after',
    `
Examples:
  $ weft serve
  $ weft serve --store /var/lib/weft/site.db --rest 127.0.0.1:8080 --ovsdb 198.51.100.1:6640
  $ curl http://127.0.0.1:8080/openapi.json`,
  )
  .action((options: Omit<ServeOptions, 'signal' | 'version'>) =>
    perform(async (signal) => {
      const { serve } = await import('./commands/serve.ts')
      return serve({ ...options, version: manifest.version, signal })
    }),
  )

weft
  .command('lab')
  .description('bring up a topology, prove on real packets what it promises, serve until Ctrl-C')
  .argument('[file]', 'topology document (default: topologies/two-tenants.yaml of Weft)')
  .addOption(
    new Option(
      '--lab <backend>',
      'where the hosts come from: this process, or network namespaces with Open vSwitch',
    )
      .choices(['memory', 'netns'])
      .default('memory'),
  )
  .option('--check', 'end after the table: exit code 0 when every row holds, else 1', false)
  .addHelpText(
    'after',
    `
Examples:
  $ weft lab
  $ weft lab --check topologies/two-tenants.yaml
  $ weft lab --lab netns`,
  )
  .action((file: string | undefined, options: { lab: 'memory' | 'netns'; check: boolean }) =>
    perform(async (signal) => {
      const { lab } = await import('./commands/lab.ts')
      return lab(file, { backend: options.lab, check: options.check, signal })
    }),
  )

await weft.parseAsync(argv)
