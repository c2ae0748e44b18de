/**
 * The table of what a lab must show on real packets. Each row is a claim about the site, derived from
 * the document; this file is the list, in the order in which people read it. How a row is proven:
 * prove.ts; what there is to prove it on: site.ts; how it is printed: ../report.ts.
 *
 *     const results = await runChecks(lab, { signal })
 *     process.exitCode = summarize(results).ok ? 0 : 1
 */
import type { Lab } from '../lab.ts'
import { arpClaims } from './arp.ts'
import type { Claims } from './claims.ts'
import { dropsOf } from './drops.ts'
import { infrastructureClaims } from './infrastructure.ts'
import { EXCESSES, mtuClaims, oversizes } from './mtu.ts'
import { fullPings, provePings, SHORT_PING } from './ping.ts'
import { portSecurityClaims } from './port-security.ts'
import { type CheckContext, type Proof, prove } from './prove.ts'
import { missingPeers, missingSender, type Site, siteOf } from './site.ts'
import { missingTenants, tenantClaims } from './tenants.ts'
import { missingVteps, vtepClaims } from './vtep.ts'
import { createWatch } from './watch.ts'

interface Check {
  readonly name: (site: Site) => string
  readonly must: string
  /** What of the sentence the site cannot show, one clause each. */
  readonly missing: (site: Site) => string[]
  readonly run: (context: CheckContext) => Promise<Proof>
}

const claims = (make: (site: Site) => Claims) => (context: CheckContext) =>
  prove(context, make(context.site))

const CHECKS: readonly Check[] = [
  {
    name: (site) =>
      `same tenant, other host and same host: ping of ${SHORT_PING} bytes and of ${fullPings(site)} bytes with DF`,
    must: 'answered',
    missing: missingPeers,
    run: provePings,
  },
  {
    name: () => 'same address in the other tenant',
    must: 'never reaches the other tenant',
    missing: missingTenants,
    run: claims(tenantClaims),
  },
  {
    name: () => 'frame with a foreign source MAC, foreign IP, foreign ARP sender',
    must: 'dropped, port_security',
    missing: missingSender,
    run: claims(portSecurityClaims),
  },
  {
    name: () =>
      'VXLAN packet with a valid VNI from an address that is no VTEP of this site; with a VNI nobody has',
    must: 'dropped, vtep_unknown, vni_unknown',
    missing: missingVteps,
    run: claims(vtepClaims),
  },
  {
    name: (site) =>
      `${oversizes(site, EXCESSES[0])} bytes of IP inside (and ${oversizes(site, EXCESSES[1])}), also between two VMs of one host`,
    must: 'dropped, mtu_exceeded, counted exactly',
    missing: missingPeers,
    run: claims(mtuClaims),
  },
  {
    name: () => 'broadcast ARP for a known address',
    must: 'answered on the host itself; nothing on the underlay',
    missing: missingVteps,
    run: claims(arpClaims),
  },
  {
    name: () => "a tenant's ARP and TCP to the controller's and a VTEP's address",
    must: 'dropped',
    missing: missingSender,
    run: claims(infrastructureClaims),
  },
]

const PATIENCE_MS = 5_000

/** A row of the table after it was run. */
export interface CheckResult {
  readonly name: string
  readonly must: string
  /** True when the whole sentence was shown; false also when part of it cannot be shown here. */
  readonly passed: boolean
  /** False when nothing failed but the site cannot show all of it. */
  readonly applicable: boolean
  /**
   * What was seen, with numbers, and then what cannot be shown here and why; of a failure: which frame, seen
   * where, counters before and after.
   */
  readonly detail: string
  /** Of the lab's time. */
  readonly durationMs: number
}

export interface CheckOptions {
  readonly signal: AbortSignal
  /** Called with each row as it ends. */
  readonly onResult?: (result: CheckResult) => void
  /** Milliseconds that a drop counter may lag behind its packets; default 5,000. */
  readonly patienceMs?: number
}

/**
 * Runs all rows, one after the other (they share the drop counters). A row that cannot run to its end
 * (REST unreachable, say) is a failed row; only the signal makes this throw.
 */
export async function runChecks(lab: Lab, options: CheckOptions): Promise<CheckResult[]> {
  const patienceMs = options.patienceMs ?? PATIENCE_MS
  const site = siteOf(lab)
  const watch = createWatch(lab)
  const { clock } = lab
  const context = {
    site,
    watch,
    drops: dropsOf(lab, patienceMs),
    clock,
    patienceMs,
    signal: options.signal,
  }
  const results: CheckResult[] = []
  try {
    for (const check of CHECKS) {
      const began = clock.now()
      const outcome = await judge(check, context)
      options.signal.throwIfAborted()
      const durationMs = clock.now() - began
      const result = { name: check.name(site), must: check.must, ...outcome, durationMs }
      results.push(result)
      options.onResult?.(result)
    }
  } finally {
    watch.close()
  }
  return results
}

/** Counts of a run; `ok` when something passed and nothing failed. */
export function summarize(results: readonly CheckResult[]): {
  readonly passed: number
  readonly failed: number
  readonly notApplicable: number
  readonly ok: boolean
} {
  const passed = results.filter((result) => result.passed).length
  const failed = results.filter((result) => !result.passed && result.applicable).length
  const notApplicable = results.length - passed - failed
  return { passed, failed, notApplicable, ok: failed === 0 && passed > 0 }
}

async function judge(
  check: Check,
  context: CheckContext,
): Promise<Pick<CheckResult, 'passed' | 'applicable' | 'detail'>> {
  const proof = await check.run(context).catch((cause: unknown): Proof => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return { problems: [`could not be checked: ${reason}`], seen: '' }
  })
  const { problems, seen, leftOut = [] } = proof
  const missing = [...check.missing(context.site), ...leftOut]
  if (problems.length > 0) {
    return { passed: false, applicable: true, detail: problems.join('; ') }
  }
  if (seen === '' && missing.length === 0) missing.push('no guest here can show it')
  if (missing.length > 0) {
    const why = missing.join(', ')
    const detail = seen === '' ? `not applicable: ${why}` : `${seen}; not shown: ${why}`
    return { passed: false, applicable: false, detail }
  }
  return { passed: true, applicable: true, detail: seen }
}
