/** How to get into the machines of a Vagrantfile: what `vagrant ssh-config` says, in a file for ssh. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NetnsError } from '../netns/error.ts'
import { RunError, run } from '../netns/run.ts'

const NOT_UP = /not yet ready for SSH/
const UNKNOWN = /machine with the name '(.*)' was not found/
/** Of a shell, and of env: there is no such command. */
const NOT_THERE = 127
const VAGRANT_TIMEOUT_MS = 120_000

export interface SshConfig {
  readonly file: string
  /** Of ssh, up to and with the machine: what follows is a command there. */
  arguments(machine: string): string[]
  close(): void
}

/** What a person does about it; undefined: nobody knows. */
function whyNot(error: Error, machines: readonly string[]): string | undefined {
  const [, unknown] = UNKNOWN.exec(error.message) ?? []
  if (unknown !== undefined)
    return `${unknown} is no machine of the Vagrantfile: documents of its lab have h1 and h2 (kind ovs) and v1 (kind vtep), as topologies/mixed.yaml`
  if (NOT_UP.test(error.message)) return `not all of ${machines.join(', ')} are up: run vagrant up`
  if (error instanceof RunError && error.exitCode === NOT_THERE)
    return 'there is no Vagrant here: apt-get install vagrant, and what topologies/README.md says below "Vagrant lab"'
  return undefined
}

/** @param folder of the Vagrantfile. @throws NetnsError with what to do, RunError for what else Vagrant says, the signal's reason */
export async function sshConfig(
  folder: string,
  machines: readonly string[],
  signal?: AbortSignal,
): Promise<SshConfig> {
  const command = ['vagrant', 'ssh-config', ...machines]
  const { stdout } = await run(['env', '-C', folder, ...command], {
    signal,
    timeoutMs: VAGRANT_TIMEOUT_MS,
  }).catch((error: Error) => {
    const why = whyNot(error, machines)
    throw why === undefined ? error : new NetnsError(why)
  })
  const directory = mkdtempSync(join(tmpdir(), 'weft-vagrant-'))
  const file = join(directory, 'ssh-config')
  writeFileSync(file, stdout, { mode: 0o600 })
  const options = ['-o', 'BatchMode=yes', '-o', 'ServerAliveInterval=15']
  return {
    file,
    arguments: (machine) => ['-F', file, ...options, machine],
    close: () => rmSync(directory, { recursive: true, force: true }),
  }
}
