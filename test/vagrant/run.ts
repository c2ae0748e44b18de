/**
 * `npm run test:vagrant`: the whole way to a site of virtual machines and back, on a machine that may have no KVM and whose guests
 * reach no package registry (root on a Debian).
 *
 *     packages    apt-get, what is missing                  stages.ts
 *     box         topologies/vagrant/box.sh, kept below /var/cache/weft by what it is made of
 *     libvirtd    topologies/vagrant/libvirtd.sh, in namespaces of its own
 *     up          `vagrant up` of the Vagrantfile as it is
 *     scenarios   scenarios.test.ts; one that was skipped is a failure
 *     provision   a second time: nothing changes
 *     destroy     `vagrant destroy -f`
 *
 * However it ends, by Ctrl-C too, nothing is left but packages, the box and the log: machines, libvirtd and their network are processes
 * and namespaces below one process, all files of a run are in one folder. The log, whose path is the last line, has date,
 * versions, `vagrant status` before and after, the times and a table of scenarios.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { arch, cpus, release } from 'node:os'
import { join } from 'node:path'
import { openLibvirtd } from './libvirtd.ts'
import { openLog } from './log.ts'
import {
  bringBox,
  bringPackages,
  CACHE,
  destroy,
  provisionAgain,
  scenarios,
  status,
  up,
  versions,
} from './stages.ts'

if (process.getuid?.() !== 0) {
  process.stderr.write('test:vagrant wants root: it makes namespaces, mounts and a Debian\n')
  process.exit(1)
}
mkdirSync(CACHE, { recursive: true })
const began = new Date()
const log = openLog(
  join(CACHE, `vagrant-${began.toISOString().replaceAll(':', '').slice(0, 17)}.log`),
)
// Of a run that was killed by SIGKILL the folder is still there.
for (const old of readdirSync(CACHE)) {
  const [, pid] = /^run-(\d+)-/.exec(old) ?? []
  if (pid && !existsSync(`/proc/${pid}`)) rmSync(join(CACHE, old), { recursive: true, force: true })
}
const folder = mkdtempSync(join(CACHE, `run-${process.pid}-`))
mkdirSync(join(folder, 'tmp'))
const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => ending.abort(new Error(`ended by ${signal}`)))

const { signal } = ending
const stage = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
  signal.throwIfAborted()
  const start = performance.now()
  log.say(`--- ${name}`)
  try {
    return await work()
  } finally {
    log.took(name, performance.now() - start)
  }
}

let failure: unknown
let left: readonly string[] = []
try {
  log.say(
    `weft test:vagrant, ${began.toISOString()}, Linux ${release()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model}`,
  )
  await stage('packages', () => bringPackages({ log, signal }))
  const box = await stage('box', () => bringBox({ log, signal }))
  const libvirtd = await stage('libvirtd', () => openLibvirtd(folder, { log, signal }))
  try {
    const site = { log, signal, folder, libvirtd, box }
    await versions(site)
    await stage('status before', () => status(site, 'not created'))
    await stage('up', () => up(site))
    await stage('status', () => status(site, 'running'))
    await stage('scenarios', () => scenarios(site))
    await stage('provision', () => provisionAgain(site))
    await stage('destroy', () => destroy(site))
    await stage('status after', () => status(site, 'not created'))
  } finally {
    left = await libvirtd.close()
  }
} catch (error) {
  failure = error
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}
if (left.length > 0) failure ??= new Error(`left behind: ${left.join(', ')}`)
log.end(failure)
process.exitCode = failure === undefined ? 0 : 1
