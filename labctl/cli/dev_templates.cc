#include "labctl/cli/dev_templates.h"

namespace labctl::cli {

namespace {

constexpr std::string_view kLabFile = R"(apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: exercise}
spec: {nodes: 2}
)";

constexpr std::string_view kPods = R"(apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  containers: [{name: client, image: client}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers: [{name: web, image: web, ports: [{name: http, containerPort: ${PORT}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: wep}
  ports: [{name: http, port: 80, targetPort: http}]
)";

constexpr std::string_view kChallenge = R"(---
kind: challenge
title: Nobody answers
description: A Service that leads nowhere.
difficulty: easy
categories: [services]
estimatedTime: 5m
objectives:
  - key: answer
    title: The client gets an answer from the Service web
    points: 2
    checks: [client-web]
mustNotBreak: [pod-serves]
protect: [pod/client, pod/web]
hints:
  - text: A Service finds its pods by their labels. Which pods does this one find?
    cost: 1
variables:
  PORT: [8080, 9090]
wrong:
  other-port: [answer]
---
The people at `web` say that their pod is fine. The people at `client` say that nobody answers.

Make the Service work. The pods stay as they are.
)";

constexpr std::string_view kChecks =
    R"(- {name: client-web, from: client, to: "http://web/", expect: {status: 200}}
- {name: pod-serves, from: client, to: "web:${PORT}", expect: allow}
)";

constexpr std::string_view kSolution = R"(apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
)";

constexpr std::string_view kWrong = R"(apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 8000, targetPort: http}]
)";

constexpr std::string_view kQuiz = R"(---
kind: quiz
title: What a Service does
description: Five minutes about Services.
difficulty: easy
categories: [services]
estimatedTime: 5m
passMark: 70
questions:
  - question: Does the pod `client` get an answer from `http://web/`?
    type: prediction
    from: client
    to: http://web/
    explanation: The Service asks for the label app=wep, which no pod has.
  - question: Now the selector is app=web. And now?
    type: prediction
    from: client
    to: http://web/
    apply: repaired.yaml
    explanation: The endpoints follow the selector, and the rules follow the endpoints.
  - question: Who writes the endpoints of a Service with a selector?
    type: single
    answers: [the controller of endpoints, kube-proxy, the pods themselves, the DNS server]
    correct: the controller of endpoints
  - question: On which port does the Service listen?
    type: number
    object: service/web
    jsonpath: "{.spec.ports[0].port}"
---
Look around in the lab as much as you like.
)";

constexpr std::string_view kQuizPods = R"(apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  containers: [{name: client, image: client}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers: [{name: web, image: web, ports: [{name: http, containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: wep}
  ports: [{name: http, port: 80, targetPort: http}]
)";

} // namespace

const TemplateFiles& challenge_template() {
    static const TemplateFiles kFiles{
        {"challenge.md", kChallenge},
        {"lab.yaml", kLabFile},
        {"manifests/web.yaml", kPods},
        {"checks.yaml", kChecks},
        {"solution/web.yaml", kSolution},
        {"wrong/other-port.yaml", kWrong}};
    return kFiles;
}

const TemplateFiles& quiz_template() {
    static const TemplateFiles kFiles{
        {"quiz.md", kQuiz},
        {"lab.yaml", kLabFile},
        {"manifests/web.yaml", kQuizPods},
        {"repaired.yaml", kSolution}};
    return kFiles;
}

} // namespace labctl::cli
