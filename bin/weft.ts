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
import { Command } from 'commander'
import { addAgent } from './commands/agent-options.ts'
import { addAttach } from './commands/attach-options.ts'
import { addBackup } from './commands/backup-options.ts'
import { addBench } from './commands/bench-options.ts'
import { addCompletion } from './commands/completion.ts'
import { addDoctor } from './commands/doctor-options.ts'
import { addDocuments } from './commands/documents-options.ts'
import { addEvents } from './commands/events-options.ts'
import { addFlows } from './commands/flows-options.ts'
import { addHost } from './commands/host-options.ts'
import { addLab } from './commands/lab-options.ts'
import { addObjects } from './commands/objects-options.ts'
import { addPki } from './commands/pki-options.ts'
import { exitCodes } from './commands/rest-options.ts'
import { addServe } from './commands/serve-options.ts'
import { addSwitch } from './commands/switch-options.ts'
import { addToken } from './commands/token-options.ts'
import { addTrace } from './commands/trace-options.ts'
import { addUnit } from './commands/unit.ts'
import { explain } from './explain.ts'
import { isStop, stopSignal } from './stop.ts'
import { UsageError } from './usage.ts'

const oldestNode = 24

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
  // An option belongs to the command that it stands behind: lab and lab up have some of the same name.
  .enablePositionalOptions()
  // What commander refuses was typed wrongly; help and version are no refusals.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .addHelpText(
    'after',
    `
Examples:
  $ weft lab                                  two tenants on two hosts in this process, checked, then served
  $ weft lab --backend netns --check my.yaml  the same on real Open vSwitch (root); exit code 0 or 1
  $ weft lab up && weft lab test              a lab that goes on by itself; exec, capture, status, down
  $ weft serve --store site.db                the controller; on a host: ovs-vsctl set-manager tcp:ADDRESS:6640
  $ weft switch --rundir ./run                a userspace switch for ovs-vsctl, ovs-ofctl and any controller
  $ weft agent --tunnel-ip 192.0.2.11         this Linux host as a VTEP, for vtep-ctl and any controller
  $ weft attach acme/vm1 --format libvirt     what makes a VM that port, for six hypervisors
  $ weft pki init && weft pki host h1 h2      keys and certificates, so that hosts prove who they are
  $ weft plan -f site.yaml                    what a document would change; then weft apply -f site.yaml
  $ weft get ports                            what there is, and whether hosts have it
  $ weft flows h1                             what a host has, beside what it is for
  $ weft doctor                               what is wrong, and what to do
  $ weft token create ci --tenant acme --role member

${exitCodes}`,
  )

weft.commandsGroup('Controller and hosts:')
addServe(weft, perform, manifest.version)

addLab(weft, perform)
addSwitch(weft, perform)
addAgent(weft, perform)
addPki(weft, perform)
weft.commandsGroup('The site and its tenants:')
addDocuments(weft, perform)
addBackup(weft, perform)
addObjects(weft, perform)
addHost(weft, perform)
addAttach(weft, perform)
addEvents(weft, perform)
addTrace(weft, perform)
addFlows(weft, perform)
addDoctor(weft, perform)
addBench(weft, perform)
addToken(weft, perform)
weft.commandsGroup('This command line:')
addCompletion(weft, perform)
addUnit(weft, perform)

await weft.parseAsync(argv)
