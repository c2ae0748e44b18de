/**
 * The surface of the commands about labs that run by themselves: `weft lab up`, `down`, `status`, `exec`, `test`, `capture`.
 * Neighbours: lab-options.ts; lab-up.ts, lab-down.ts, lab-exec.ts, lab-test.ts, lab-capture.ts (what they do, loaded when called).
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Backend, backends } from '../lab/control-schema.ts'
import { UsageError } from '../usage.ts'
import type { LabCaptureOptions } from './lab-capture.ts'
import type { LabTestOptions } from './lab-test.ts'
import type { LabUpOptions } from './lab-up.ts'
import { type OutputFormat, outputOption, type Perform } from './rest-options.ts'

export const topologyFile = [
  '[file]',
  'topology document (default: topologies/two-tenants.yaml of Weft)',
] as const

export const backendOption = (choices: readonly Backend[] = backends): Option =>
  new Option(
    '--backend <backend>',
    'where the hosts come from: this process, network namespaces with Open vSwitch' +
      (choices.includes('vagrant') ? ', or virtual machines that are up' : ''),
  ).choices(choices)

export const tlsOption = [
  '--tls',
  'hosts and controller speak mutual TLS only, on OVSDB and OpenFlow',
  false,
] as const

const nameOption = [
  '--name <name>',
  'which lab, where several run; of `up` its name (default: that of the document)',
] as const

const wholeNumber = (text: string): number => {
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It would be a whole number.')
}
const someNumber = (text: string): number => {
  if (wholeNumber(text) > 0) return Number(text)
  throw new InvalidArgumentError('It would be 1 or more.')
}
const several = (word: string, before: readonly string[] = []): string[] => [...before, word]

/** Adds them to `lab`. @param perform runs one command to its end */
export function addLabRuns(lab: Command, perform: Perform): void {
  addUp(lab, perform)
  addDown(lab, perform)
  addStatus(lab, perform)
  addExec(lab, perform)
  addTest(lab, perform)
  addCapture(lab, perform)
}

function addUp(lab: Command, perform: Perform): void {
  lab
    .command('up')
    .description('bring a topology up and leave it running, until weft lab down')
    .argument(...topologyFile)
    .addOption(backendOption().default('memory'))
    .option(...nameOption)
    .option(...tlsOption)
    .option('--foreground', 'stay, and take the lab down at Ctrl-C', false)
    .addHelpText(
      'after',
      `
The lab is a process of its own; it ends by weft lab down. Up already with the same document is exit code 0.

Examples:
  $ weft lab up
  $ weft lab up topologies/vlan-trunk.yaml --backend netns --name vlan
  $ weft lab generate --hosts 50 --tenants 20 | weft lab up -`,
    )
    .action((file: string | undefined, options: Omit<LabUpOptions, 'signal'>) =>
      perform(async (signal) => {
        const { labUp } = await import('./lab-up.ts')
        return labUp(file, { ...options, signal })
      }),
    )
}

function addDown(lab: Command, perform: Perform): void {
  lab
    .command('down')
    .description('take a lab down, all of it; none is fine, too')
    .argument('[name]', 'which lab, where several run')
    .option('--all', 'all labs of this user', false)
    .addHelpText(
      'after',
      `
Examples:
  $ weft lab down
  $ weft lab down vlan`,
    )
    .action((name: string | undefined, options: { all: boolean }) =>
      perform(async (signal) => {
        const { labDown } = await import('./lab-down.ts')
        return labDown(name, { ...options, signal })
      }),
    )
}

function addStatus(lab: Command, perform: Perform): void {
  lab
    .command('status')
    .description('the labs that run; of one its hosts, guests and ports')
    .argument('[name]', 'which lab')
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
Examples:
  $ weft lab status
  $ weft lab status two-tenants -o json | jq -r .url`,
    )
    .action((name: string | undefined, options: { output: OutputFormat }) =>
      perform(async (signal) => {
        const { labStatus } = await import('./lab-down.ts')
        return labStatus(name, { ...options, signal })
      }),
    )
}

function addExec(lab: Command, perform: Perform): void {
  lab
    .command('exec')
    .description('run a command in a guest, or on a host')
    .argument(
      '<place>',
      "a guest: 'h1.acme-vm1', 'acme-vm1' or 'acme/vm1'; or a host: 'h1'; or a router",
    )
    .argument('<command...>', 'the command, behind --')
    .option(...nameOption)
    .passThroughOptions()
    .addHelpText(
      'after',
      `
On the netns lab it runs in the guest's or host's namespace with this terminal (on a host ovs-vsctl, ovs-ofctl, ovs-appctl and
vtep-ctl find what runs there), and its exit code is the command's. A guest of the memory lab is a small IP stack inside the
lab's process. It has ping [-c N] [-i S] [-s BYTES] [-W S] ADDRESS, arp, ip neigh and ip addr, and no other programs; hosts of the
memory lab have none: weft flows, weft doctor show them.

Examples:
  $ weft lab exec h1.acme-vm1 -- ping -c 3 10.0.0.12
  $ weft lab exec acme-vm1 -- bash                    netns: a shell in the guest
  $ weft lab exec h1 -- ovs-vsctl show                netns`,
    )
    .action((place: string, argv: string[], options: { name?: string }) =>
      perform(async (signal) => {
        const { labExec } = await import('./lab-exec.ts')
        // What stands behind the place is passed through as it is, with the -- before it.
        const command = argv[0] === '--' ? argv.slice(1) : argv
        if (argv[0] !== '--' && argv[0]?.startsWith('-'))
          throw new UsageError(
            `options stand before the place: weft lab exec ${argv[0]} … ${place} --`,
          )
        if (command.length === 0) throw new UsageError(`exec ${place} -- COMMAND: which one?`)
        return labExec(place, command, { ...options, signal })
      }),
    )
}

function addTest(lab: Command, perform: Perform): void {
  lab
    .command('test')
    .description(
      'prove on real packets what a topology promises: checks, who reaches whom, scenarios',
    )
    .argument('[lab]', 'a lab that runs, by name; or a document, for a lab of its own')
    .addOption(backendOption())
    .option(...tlsOption)
    .addOption(
      new Option(
        '--seed <number>',
        'of a memory lab of its own, which has virtual time: the same seed, the same run (default: any)',
      ).argParser(wholeNumber),
    )
    .option(
      '--trace <file>',
      'of a memory lab of its own: what happened, byte for byte the same with the same seed',
    )
    .option('--no-scenarios', 'checks and matrix alone, which leave a lab as it is')
    .addOption(outputOption('table', 'json'))
    .addHelpText(
      'after',
      `
On a lab that runs when there is one of that name, or only one; else, and with any of --backend, --tls and --seed, on a lab that is
brought up for it and taken down again. Scenarios are those of topologies/scenarios that are written for a document of this
name; some take ports, networks or hosts away, and leave a lab that runs different from what it was.

The matrix has all ordered pairs of guests: guests of one network must answer a ping, others must not. A ping is for an address, and
tenants may have the same ones: where a guest's own network has somebody with the address of the other (=), a ping would be
answered by that one. Such pairs are not asked; that nothing crosses between them is proven by frames that carry a mark, which
is the row 'same address in the other tenant' of the checks. With more than 30 guests it is a line for each network, and a choice
of pairs.

Exit codes: 0 all as the document says, 1 something failed or differs, with the walk of a packet of the first pairs.

Examples:
  $ weft lab test
  $ weft lab test two-tenants -o json
  $ weft lab test topologies/vlan-trunk.yaml --backend netns
  $ weft lab test topologies/two-tenants.yaml --seed 7 --trace run.txt`,
    )
    .action((what: string | undefined, options: Omit<LabTestOptions, 'signal'>) =>
      perform(async (signal) => {
        const { labTest } = await import('./lab-test.ts')
        return labTest(what, { ...options, signal })
      }),
    )
}

function addCapture(lab: Command, perform: Perform): void {
  lab
    .command('capture')
    .description(
      'frames of a lab that runs, as pcapng: what goes by at guests, underlay and uplinks',
    )
    .argument('[where...]', "guests, hosts, physical networks, 'underlay' (default: everywhere)")
    .option('-w, --write <file>', '- is standard output, for a reader behind it', '-')
    .addOption(new Option('--count <number>', 'end after so many packets').argParser(someNumber))
    .addOption(new Option('--host <host>', 'only at this host; again for more').argParser(several))
    .addOption(
      new Option(
        '--guest <guest>',
        'only frames of this guest, wherever they go, inside VXLAN too; again for more',
      ).argParser(several),
    )
    .option(...nameOption)
    .addHelpText(
      'after',
      `
Each place is an interface of the file ('h1 acme-vm1', 'underlay h1', 'office h1 eth1'), and each packet has a comment: host, port
and which way, tenant, network and VNI. A reader that is too slow loses packets, which are counted.

Examples:
  $ weft lab capture -w all.pcapng
  $ weft lab capture underlay --guest acme-vm1 -w - | tshark -r - -O vxlan
  $ weft lab capture acme-vm1 --count 10 | wireshark -k -i -`,
    )
    .action(
      (
        where: string[],
        options: Omit<LabCaptureOptions, 'signal' | 'host' | 'guest'> &
          Partial<Pick<LabCaptureOptions, 'host' | 'guest'>>,
      ) =>
        perform(async (signal) => {
          const { labCapture } = await import('./lab-capture.ts')
          return labCapture(where, { host: [], guest: [], ...options, signal })
        }),
    )
}
