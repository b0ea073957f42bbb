CREATE TABLE public.facts (
    run integer NOT NULL,
    key character varying(100) NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.messages (
    id integer NOT NULL,
    run integer NOT NULL,
    "time" double precision NOT NULL,
    text text NOT NULL
);
CREATE SEQUENCE public.messages_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.messages_id_seq OWNED BY public.messages.id;
CREATE TABLE public.runs (
    id integer NOT NULL,
    name character varying(400) NOT NULL,
    format integer NOT NULL
);
CREATE SEQUENCE public.runs_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.runs_id_seq OWNED BY public.runs.id;
CREATE TABLE public.trials (
    run integer NOT NULL,
    stage character varying(16) NOT NULL,
    number integer NOT NULL,
    state character varying(16) NOT NULL,
    architecture text NOT NULL,
    fidelity text,
    parent integer,
    metrics text,
    curve text,
    artifacts text,
    estimate_seconds double precision,
    error text,
    started double precision NOT NULL,
    finished double precision,
    asked integer NOT NULL,
    told integer
);
ALTER TABLE ONLY public.messages ALTER COLUMN id SET DEFAULT nextval('public.messages_id_seq'::regclass);
ALTER TABLE ONLY public.runs ALTER COLUMN id SET DEFAULT nextval('public.runs_id_seq'::regclass);
INSERT INTO public.facts VALUES (1, 'owner', '11013');
INSERT INTO public.facts VALUES (1, 'sessions', '[1795968616.606737]');
INSERT INTO public.facts VALUES (1, 'search_ended', '"5 trials"');
INSERT INTO public.facts VALUES (1, 'test', '{"r2": 0.44001539861686545, "rmse": 59.71701566754819, "mae": 49.549843150461946, "mse": 3566.1219602381957, "loss": 0.6483038961179924}');
INSERT INTO public.facts VALUES (1, 'winner', '11');
INSERT INTO public.facts VALUES (1, 'state', '"completed"');
INSERT INTO public.messages VALUES (1, 1, 1795968616.5903134, 'strategy: bayesian, picked since it finds most with 5 trials');
INSERT INTO public.messages VALUES (2, 1, 1795968617.0303767, 'search ended: 5 trials');
INSERT INTO public.runs VALUES (1, 'postgres', 1);
INSERT INTO public.trials VALUES (1, 'search', 0, 'infeasible', '{"depth":3,"layers.0.width":64,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.3,"layers.1.width":32,"layers.1.residual":true,"layers.2.width":32,"layers.2.residual":false}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":6177}', NULL, NULL, 0, NULL, 1795968616.6107745, 1795968616.6212208, 1, 2);
INSERT INTO public.trials VALUES (1, 'search', 1, 'infeasible', '{"depth":3,"layers.0.width":256,"layers.normalization":"none","layers.activation":"gelu","layers.dropout":0.3,"layers.1.width":32,"layers.1.residual":false,"layers.2.width":128,"layers.2.residual":true}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":19489}', NULL, NULL, 0, NULL, 1795968616.6305323, 1795968616.6399329, 3, 4);
INSERT INTO public.trials VALUES (1, 'search', 2, 'infeasible', '{"depth":3,"layers.0.width":64,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.0,"layers.1.width":128,"layers.1.residual":true,"layers.2.width":32,"layers.2.residual":false}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":21825}', NULL, NULL, 0, NULL, 1795968616.6772554, 1795968616.6890492, 5, 6);
INSERT INTO public.trials VALUES (1, 'search', 3, 'infeasible', '{"depth":4,"layers.0.width":64,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.3,"layers.1.width":32,"layers.1.residual":true,"layers.2.width":32,"layers.2.residual":false,"layers.3.width":32,"layers.3.residual":false}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":7297}', NULL, NULL, 0, NULL, 1795968616.7265515, 1795968616.731221, 7, 8);
INSERT INTO public.trials VALUES (1, 'search', 4, 'infeasible', '{"depth":4,"layers.0.width":64,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.3,"layers.1.width":32,"layers.1.residual":true,"layers.2.width":64,"layers.2.residual":false,"layers.3.width":64,"layers.3.residual":true}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":11617}', NULL, NULL, 0, NULL, 1795968616.7329113, 1795968616.7350733, 9, 10);
INSERT INTO public.trials VALUES (1, 'search', 5, 'infeasible', '{"depth":3,"layers.0.width":64,"layers.normalization":"batch","layers.activation":"relu","layers.dropout":0.3,"layers.1.width":32,"layers.1.residual":true,"layers.2.width":256,"layers.2.residual":false}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":14241}', NULL, NULL, 0, NULL, 1795968616.7567153, 1795968616.7598908, 11, 12);
INSERT INTO public.trials VALUES (1, 'search', 6, 'infeasible', '{"depth":4,"layers.0.width":32,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.3,"layers.1.width":32,"layers.1.residual":true,"layers.2.width":32,"layers.2.residual":false,"layers.3.width":256,"layers.3.residual":true}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":20065}', NULL, NULL, 0, NULL, 1795968616.7626944, 1795968616.7680318, 13, 14);
INSERT INTO public.trials VALUES (1, 'search', 7, 'infeasible', '{"depth":4,"layers.0.width":64,"layers.normalization":"layer","layers.activation":"gelu","layers.dropout":0.1,"layers.1.width":32,"layers.1.residual":true,"layers.2.width":64,"layers.2.residual":true,"layers.3.width":32,"layers.3.residual":false}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":11489}', NULL, NULL, 0, NULL, 1795968616.7897267, 1795968616.796035, 15, 16);
INSERT INTO public.trials VALUES (1, 'search', 8, 'completed', '{"depth":1,"layers.0.width":64,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.3}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":897,"r2":0.43029698170532316,"rmse":60.894529600824114,"mae":50.86400088924279,"mse":3708.1437353056444,"loss":0.6741227747588311,"flops":1408}', '[{"epoch":1,"train_loss":1.1228950902035362,"learning_rate":0.004492833296732234,"seconds":0.02192929099999219,"r2":0.27692254244820425,"rmse":68.60352494675205,"mae":57.807891110229505,"mse":4706.443635119631,"loss":0.855608916220011},{"epoch":2,"train_loss":0.7535177818814615,"learning_rate":0.00007732647520016768,"seconds":0.030575706999911745,"r2":0.43029698170532316,"rmse":60.894529600824114,"mae":50.86400088924279,"mse":3708.1437353056444,"loss":0.6741227747588311}]', NULL, 0.030764279999971222, NULL, 1795968616.799067, 1795968616.8340857, 17, 18);
INSERT INTO public.trials VALUES (1, 'search', 9, 'completed', '{"depth":1,"layers.0.width":64,"layers.normalization":"layer","layers.activation":"silu","layers.dropout":0.3}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":897,"r2":0.42840053822301927,"rmse":60.99579910782736,"mae":50.3624791350762,"mse":3720.4875088024332,"loss":0.6763668136728092,"flops":1408}', '[{"epoch":1,"train_loss":1.1344143286683506,"learning_rate":0.004492833296732234,"seconds":0.01423201899990545,"r2":0.319816115879747,"rmse":66.53760870328948,"mae":56.01568775506205,"mse":4427.253371952064,"loss":0.8048534632691952},{"epoch":2,"train_loss":0.7240932149098331,"learning_rate":0.00007732647520016768,"seconds":0.019663800999978776,"r2":0.42840053822301927,"rmse":60.99579910782736,"mae":50.3624791350762,"mse":3720.4875088024332,"loss":0.6763668136728092}]', NULL, 0.01983198299990363, NULL, 1795968616.8423624, 1795968616.86724, 19, 20);
INSERT INTO public.trials VALUES (1, 'search', 10, 'completed', '{"depth":1,"layers.0.width":128,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.3}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":1793,"r2":0.5554743282583657,"rmse":53.79011134277997,"mae":44.5711278520628,"mse":2893.376078268667,"loss":0.5260019161966302,"flops":2816}', '[{"epoch":1,"train_loss":1.0484845154267504,"learning_rate":0.004492833296732234,"seconds":0.02194399200004682,"r2":0.4830612287146694,"rmse":58.006087437009114,"mae":48.627477848786796,"mse":3364.706179749947,"loss":0.6116874716978202},{"epoch":2,"train_loss":0.7093146761557213,"learning_rate":0.00007732647520016768,"seconds":0.030181264000020747,"r2":0.5554743282583657,"rmse":53.79011134277997,"mae":44.5711278520628,"mse":2893.376078268667,"loss":0.5260019161966302}]', NULL, 0.030358070000033877, NULL, 1795968616.896062, 1795968616.9339733, 21, 22);
INSERT INTO public.trials VALUES (1, 'search', 11, 'completed', '{"depth":1,"layers.0.width":128,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.1}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":1793,"r2":0.5728824973816349,"rmse":52.72634949798786,"mae":43.49727157865231,"mse":2780.0679313839646,"loss":0.505403037665186,"flops":2816}', '[{"epoch":1,"train_loss":0.9933088489044878,"learning_rate":0.004492833296732234,"seconds":0.02023160300007021,"r2":0.5015447814369185,"rmse":56.95962132477076,"mae":47.735047643198406,"mse":3244.3984614612796,"loss":0.589816104602344},{"epoch":2,"train_loss":0.6512345048717987,"learning_rate":0.00007732647520016768,"seconds":0.028376245999993444,"r2":0.5728824973816349,"rmse":52.72634949798786,"mae":43.49727157865231,"mse":2780.0679313839646,"loss":0.505403037665186}]', NULL, 0.028554643999996188, NULL, 1795968616.9453115, 1795968616.9800975, 23, 24);
INSERT INTO public.trials VALUES (1, 'search', 12, 'completed', '{"depth":1,"layers.0.width":128,"layers.normalization":"batch","layers.activation":"relu","layers.dropout":0.1}', '{"epochs":null,"data_fraction":1.0}', NULL, '{"params":1793,"r2":0.5497849407966338,"rmse":54.13324089561952,"mae":44.60005936789773,"mse":2930.4077698631736,"loss":0.5327341004035201,"flops":2816}', '[{"epoch":1,"train_loss":1.0332789600343633,"learning_rate":0.004492833296732234,"seconds":0.014881372999980158,"r2":0.4622308586880052,"rmse":59.16324122863964,"mae":49.99746239387482,"mse":3500.289112678205,"loss":0.6363357996699299},{"epoch":2,"train_loss":0.6865526930730146,"learning_rate":0.00007732647520016768,"seconds":0.025031516000012743,"r2":0.5497849407966338,"rmse":54.13324089561952,"mae":44.60005936789773,"mse":2930.4077698631736,"loss":0.5327341004035201}]', NULL, 0.0252054270000599, NULL, 1795968616.9852037, 1795968617.020599, 25, 26);
INSERT INTO public.trials VALUES (1, 'retrain', 11, 'completed', '{"depth":1,"layers.0.width":128,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.1}', '{"epochs":null,"data_fraction":1.0}', 11, '{"r2":0.5712318195014553,"rmse":52.828136816768904,"mae":43.12417728305181,"mse":2790.812039531254,"loss":0.5073562650785681,"params":1793,"flops":2816}', '[{"epoch":1,"train_loss":1.093387460350094,"learning_rate":0.004492833296732234,"seconds":0.024094710999975177,"r2":0.48680800752326936,"rmse":57.79549071023864,"mae":49.23110642151355,"mse":3340.318746437281,"loss":0.6072539530999698},{"epoch":2,"train_loss":0.7054813929966518,"learning_rate":0.00007732647520016768,"seconds":0.03079811099996732,"r2":0.5712318195014553,"rmse":52.828136816768904,"mae":43.12417728305181,"mse":2790.812039531254,"loss":0.5073562650785681}]', '{"weights":"checkpoints/retrain-11.safetensors"}', 0.03097964299990963, NULL, 1795968617.0362635, 1795968617.074709, 27, 28);
INSERT INTO public.trials VALUES (1, 'retrain', 10, 'completed', '{"depth":1,"layers.0.width":128,"layers.normalization":"batch","layers.activation":"gelu","layers.dropout":0.3}', '{"epochs":null,"data_fraction":1.0}', 10, '{"r2":0.5535268476317694,"rmse":53.90781063789124,"mae":44.668172229777035,"mse":2906.0520477707396,"loss":0.5283063467536596,"params":1793,"flops":2816}', '[{"epoch":1,"train_loss":1.1437303356658248,"learning_rate":0.004492833296732234,"seconds":0.019738141999937397,"r2":0.4734262054829882,"rmse":58.544168335070935,"mae":50.1551161518333,"mse":3427.419646045122,"loss":0.6230884795689899},{"epoch":2,"train_loss":0.7550123974792939,"learning_rate":0.00007732647520016768,"seconds":0.027769134999971357,"r2":0.5535268476317694,"rmse":53.90781063789124,"mae":44.668172229777035,"mse":2906.0520477707396,"loss":0.5283063467536596}]', '{"weights":"checkpoints/retrain-10.safetensors"}', 0.031998922999946444, NULL, 1795968617.0787077, 1795968617.1153176, 29, 30);
SELECT pg_catalog.setval('public.messages_id_seq', 2, true);
SELECT pg_catalog.setval('public.runs_id_seq', 1, true);
ALTER TABLE ONLY public.facts
    ADD CONSTRAINT facts_pkey PRIMARY KEY (run, key);
ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_name_key UNIQUE (name);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.trials
    ADD CONSTRAINT trials_pkey PRIMARY KEY (run, stage, number);
CREATE INDEX ix_messages_run ON public.messages USING btree (run);
