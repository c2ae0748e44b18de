/** Where whole documents go. Neighbours: apply.ts, export.ts. */
import { checkId, objectPath } from '../target.ts'

/** A document of 100,000 ports is compiled before it is answered. */
export const DOCUMENT_LIMIT_MS = 10 * 60_000

/** '/v1:apply', '/v1/tenants/acme:apply'. @throws UsageError */
export function verbPath(verb: 'apply' | 'export', tenant: string | undefined): string {
  if (tenant === undefined) return `/v1:${verb}`
  checkId(tenant)
  return `${objectPath('tenant', tenant)}:${verb}`
}
