/**
 * What a netns lab needs of the machine. Imports nothing that may be missing, so that the CLI and the
 * tests can ask on every machine and say why there is no such lab.
 */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import type { LabDocument } from '../lab.ts'
import { SEARCH_PATH } from './run.ts'

/** Commands, and the Debian package that has each. */
const COMMANDS: readonly (readonly [command: string, debianPackage: string])[] = [
  ['ip', 'iproute2'],
  ['ethtool', 'ethtool'],
  ['ping', 'iputils-ping'],
  ['ovsdb-tool', 'openvswitch-common'],
  ['ovsdb-server', 'openvswitch-switch'],
  ['ovs-vswitchd', 'openvswitch-switch'],
  ['ovs-vsctl', 'openvswitch-switch'],
  ['ovs-ofctl', 'openvswitch-common'],
]

/** For hosts of kind vtep. */
const VTEP_COMMANDS: typeof COMMANDS = [
  ['bridge', 'iproute2'],
  ['nft', 'nftables'],
  ['vtep-ctl', 'openvswitch-vtep'],
]

/** Why there can be no netns lab of this document on this machine, as one phrase; undefined when there can. */
export function missingForNetns(document?: Pick<LabDocument, 'hosts'>): string | undefined {
  if (process.platform !== 'linux') return `needs Linux, this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'needs root'
  const kinds = Object.values(document?.hosts ?? {}).map(({ kind }) => kind)
  const wanted = kinds.includes('vtep') ? [...COMMANDS, ...VTEP_COMMANDS] : COMMANDS
  const missing = wanted.filter(([command]) => !isInstalled(command))
  if (missing.length === 0) return undefined
  const commands = missing.map(([command]) => command).join(', ')
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ')
  return `needs ${commands} (apt-get install ${packages})`
}

function isInstalled(command: string): boolean {
  return SEARCH_PATH.split(':').some((directory) => isExecutable(join(directory, command)))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
