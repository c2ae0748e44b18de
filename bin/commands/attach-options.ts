/** The surface of `weft attach`: names, options, help. Neighbours: ../weft.ts, attach.ts (what it does, loaded when called). */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { formatNames, formats } from '../attach/formats.ts'
import type { AttachOptions } from './attach.ts'
import { type Perform, restHelp, withController } from './rest-options.ts'

function portKey(text: string): string {
  if (/^[a-z0-9-]+\/[a-z0-9-]+$/.test(text)) return text
  throw new InvalidArgumentError('It would be TENANT/PORT, such as acme/vm1.')
}

/** Adds `attach` to the command line. @param perform runs one command to its end */
export function addAttach(weft: Command, perform: Perform): void {
  const rows = formatNames.map((name) => `  ${name.padEnd(10)} ${formats[name].says}`)
  withController(
    weft
      .command('attach')
      .description('print what makes a workload of a hypervisor one port of a tenant')
      .argument('<tenant/port>', 'the port', portKey)
      .addOption(
        new Option('--format <format>', 'for which hypervisor')
          .choices(formatNames)
          .makeOptionMandatory(),
      )
      .option('--host <host>', 'where the workload will run (default: where the port is declared)'),
  )
    .addHelpText(
      'after',
      `
Formats:
${rows.join('\n')}
${restHelp([
  'weft attach acme/vm1 --format libvirt > nic.xml && virsh attach-device vm1 nic.xml --persistent',
  'weft attach acme/vm1 --format netns | sh -e',
  'weft attach acme/vm1 --format libvirt --host h3 --controller http://198.51.100.1:8080',
])}`,
    )
    .action((port: string, options: Omit<AttachOptions, 'port' | 'signal'>) =>
      perform(async (signal) => {
        const { attach } = await import('./attach.ts')
        return attach({ ...options, port, signal })
      }),
    )
}
