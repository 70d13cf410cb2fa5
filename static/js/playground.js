export function startPlayground() {}
