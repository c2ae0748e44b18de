/** Names of interfaces on every machine of the Vagrantfile. */
export const MANAGEMENT_NIC = 'eth1'
export const UNDERLAY_NIC = 'eth2'
