/** The stages of `npm run test:vagrant` (run.ts), each a command or two whose output is in the log. */
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { command } from './command.ts'
import type { Libvirtd } from './libvirtd.ts'
import type { Log } from './log.ts'
import { readReport, table } from './report.ts'

/** Boxes by what they are made of, logs, and the folder of a run while it lasts. */
export const CACHE = '/var/cache/weft'
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SCRIPT = join(ROOT, 'topologies/vagrant/box.sh')
const BOX = 'weft/debian12'
const SOURCES = '/etc/apt/sources.list.d/debian.sources'
const MINUTE = 60_000

const PACKAGES = [
  ...['mmdebstrap', 'qemu-utils', 'e2fsprogs', 'fdisk', 'zstd', 'rsync'],
  ...['qemu-system-x86', 'libvirt-daemon-system', 'libvirt-daemon-driver-qemu', 'libvirt-clients'],
  ...['dnsmasq-base', 'iptables', 'vagrant', 'vagrant-libvirt', 'openssh-client', 'procps'],
]

interface Means {
  readonly log: Log
  readonly signal: AbortSignal
}

/** What stages after the box need. */
export interface Site extends Means {
  readonly folder: string
  readonly libvirtd: Libvirtd
  /** Folder of the box. */
  readonly box: string
}

export async function bringPackages(means: Means): Promise<void> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in
  const format = '${db:Status-Status} ${Package}\n'
  const known = await command(['dpkg-query', '-W', '-f', format, ...PACKAGES], {
    ...means,
    quiet: true,
    mayFail: true,
  })
  const present = known.split('\n').map((line) => line.replace(/^installed /, ''))
  const missing = PACKAGES.filter((name) => !present.includes(name))
  means.log.say(missing.length === 0 ? 'all installed' : `installing ${missing.join(' ')}`)
  if (missing.length === 0) return
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const options = ['-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120']
  await command(['apt-get', 'update', '-q'], { ...means, env, quiet: true })
  // To its end, whoever asks: one that is cut off leaves a Debian to be repaired.
  const { signal } = new AbortController()
  await command(['apt-get', 'install', ...options, ...missing], {
    ...{ log: means.log, signal, env, quiet: true },
  })
}

/** @returns the folder that it is in */
export async function bringBox(means: Means): Promise<string> {
  const parts = [SCRIPT, join(ROOT, 'package-lock.json'), SOURCES].map((file) =>
    existsSync(file) ? readFileSync(file) : '',
  )
  const hash = createHash('sha256').update(process.version)
  for (const part of parts) hash.update(part)
  const name = `box-${hash.digest('hex').slice(0, 12)}`
  const folder = join(CACHE, name)
  if (existsSync(join(folder, 'weft.box'))) {
    means.log.say(`${folder} is there`)
    return folder
  }
  for (const old of readdirSync(CACHE))
    if (/^box-[0-9a-f]{12}(\.part)?$/.test(old)) rmSync(join(CACHE, old), { recursive: true })
  const part = `${folder}.part`
  try {
    await makeBox(part, means)
  } catch (error) {
    rmSync(part, { recursive: true, force: true, maxRetries: 10 })
    throw error
  }
  renameSync(part, folder)
  return folder
}

async function makeBox(part: string, means: Means): Promise<void> {
  const modules = join(part, 'modules')
  mkdirSync(modules, { recursive: true })
  for (const file of ['package.json', 'package-lock.json'])
    cpSync(join(ROOT, file), join(modules, file))
  const ci = ['npm', 'ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund']
  await command(['env', '-C', modules, ...ci], { ...means, quiet: true })
  const env = { BOX_NODE: process.execPath, BOX_MODULES: modules, BOX_CHECKOUT: ROOT }
  await command([SCRIPT, part], { ...means, env })
  rmSync(modules, { recursive: true })
}

/** Vagrant in the namespace of libvirtd, with a home and machines of this run. */
const vagrant = (
  site: Site,
  args: readonly string[],
  options: { quiet?: boolean; timeoutMs?: number } = {},
) =>
  command([...site.libvirtd.inside, 'env', '-C', ROOT, 'vagrant', ...args, '--no-color'], {
    ...site,
    env: environmentOf(site),
    ...options,
  })

const environmentOf = ({ folder, libvirtd, box }: Site): Record<string, string> => ({
  TMPDIR: join(folder, 'tmp'),
  VAGRANT_HOME: join(folder, 'home'),
  VAGRANT_DOTFILE_PATH: join(folder, 'machines'),
  VAGRANT_DEFAULT_PROVIDER: 'libvirt',
  VAGRANT_CHECKPOINT_DISABLE: '1',
  LIBVIRT_DEFAULT_URI: libvirtd.uri,
  // A KVM inside a virtual machine makes machines and then fails to start them: whoever has one that works says kvm.
  WEFT_LIBVIRT_DRIVER: process.env.WEFT_LIBVIRT_DRIVER ?? 'qemu',
  WEFT_BOX: BOX,
  WEFT_BOX_KERNEL: box,
})

export async function versions(site: Site): Promise<void> {
  const quiet = { ...site, quiet: true }
  const says: readonly (readonly [string, readonly string[]])[] = [
    ['node', [process.execPath, '--version']],
    ['vagrant', ['vagrant', '--version']],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills this in
    ['vagrant-libvirt', ['dpkg-query', '-W', '-f', '${Version}', 'vagrant-libvirt']],
    ['libvirtd', ['libvirtd', '--version']],
    ['qemu', ['qemu-system-x86_64', '--version']],
    ['mmdebstrap', ['mmdebstrap', '--version']],
  ]
  for (const [name, argv] of says) {
    const [line = ''] = (await command(argv, quiet)).split('\n')
    site.log.say(`${name.padEnd(16)} ${line}`)
  }
}

/** `vagrant status`. @throws when a machine is in another state */
export async function status(site: Site, wanted: string): Promise<void> {
  const said = await vagrant(site, ['status'])
  const states = said
    .split('\n')
    .flatMap((line) => /^(\w+) {2,}(.+) \(libvirt\)$/.exec(line)?.[2] ?? [])
  if (states.length !== 4 || states.some((state) => state !== wanted))
    throw new Error(`machines are ${states.join(', ')}, not ${wanted}`)
}

export async function up(site: Site): Promise<void> {
  const file = join(site.box, 'weft.box')
  const add = ['box', 'add', '--name', BOX, '--provider', 'libvirt', file]
  await vagrant(site, add, { quiet: true, timeoutMs: 5 * MINUTE })
  await vagrant(site, ['up'], { timeoutMs: 30 * MINUTE })
  const said = await vagrant(
    site,
    ['ssh', 'h1', '-c', 'uname -sr; ovs-vsctl --version | head -1'],
    { quiet: true },
  )
  site.log.say(`on the machines: ${said.trim().replaceAll(/\s*\n/g, ', ')}`)
}

/** @throws when one failed, or was skipped */
export async function scenarios(site: Site): Promise<void> {
  const report = join(site.folder, 'scenarios.json')
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const config = join(ROOT, 'test/vagrant/vitest.config.ts')
  const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`]
  const argv = [process.execPath, vitest, 'run', '-c', config, ...reporters]
  const env = { ...environmentOf(site), NO_COLOR: '1', CI: 'true' }
  let failure: unknown
  const options = { ...site, env, timeoutMs: 60 * MINUTE }
  await command([...site.libvirtd.inside, ...argv], options).catch((error) => {
    failure = error
  })
  const results = readReport(report)
  site.log.say(table(results))
  const wrong = results.filter(({ state }) => state !== 'passed')
  if (wrong.length > 0)
    throw new Error(wrong.map(({ name, state }) => `${state}: ${name}`).join('; '))
  // All passed, but the lab was not to be closed, or an error came from beside them.
  if (failure !== undefined) throw failure
  if (results.length === 0) throw new Error('no scenario ran')
}

/** @throws when a machine changed */
export async function provisionAgain(site: Site): Promise<void> {
  const said = await vagrant(site, ['provision'], { timeoutMs: 20 * MINUTE })
  const unchanged = said.split('\n').filter((line) => line.includes('weft: nothing changed'))
  if (unchanged.length !== 4 || said.includes('weft: changed'))
    throw new Error(`${unchanged.length} of 4 machines say that nothing changed`)
}

export async function destroy(site: Site): Promise<void> {
  await vagrant(site, ['destroy', '-f'], { timeoutMs: 5 * MINUTE })
}
