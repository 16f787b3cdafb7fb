"""Real manifests of others: every Service's cluster address answers from every pod."""

from harness import case
from services_lab import expect


def answers(w, name, count):
    """Brings the manifest up and asks each port of each cluster address from each pod."""
    w.labctl("up", "--name", "services", "--nodes", "3", "-f", w.manifests(name))
    services = [s for s in w.get("services", "-A") if s["metadata"]["name"] != "kubernetes"]
    w.true(len(services) >= count, f"{len(services)} Services, wanted {count} at least")
    pods = [f"{p['metadata']['namespace']}/{p['metadata']['name']}" for p in w.get("pods", "-A")]
    questions = [(pod, f"{port.get('protocol', 'TCP').lower()}://{s['spec']['clusterIP']}:{port['port']}")
                 for pod in pods for s in services for port in s["spec"]["ports"]]
    expect(w, "ok", *questions, timeout_ms=5000)
    w.notes.append(f"{len(services)} Services from {len(pods)} pods: {len(questions)} probes")


@case("every Service of Bookinfo answers from every pod")
def bookinfo(w):
    answers(w, "bookinfo/bookinfo.yaml", 4)


@case("every Service of Online Boutique answers from every pod")
def online_boutique(w):
    answers(w, "online-boutique/kubernetes-manifests.yaml", 11)


@case("every Service of the guestbook answers from every pod")
def guestbook(w):
    answers(w, "guestbook/guestbook-all-in-one.yaml", 3)
